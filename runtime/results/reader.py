"""An output folder, opened to be read."""

import json
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from trt_anime.errors import InputError
from trt_anime.runtime import output
from trt_anime.runtime.media.frames import FrameSource, Pixels
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.output import RECORD
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import LayerFolder, Layers, Track, read_layers, read_tracks
from trt_anime.runtime.results.planes import read_plane, read_rgba
from trt_anime.runtime.results.shots import Shot, read_shots


@dataclass(frozen=True)
class Results:
    """What `trt-anime process` left in a folder.

    Attributes:
        record: all of `run.json`.
    """

    folder: Path
    record: dict[str, Any]

    @classmethod
    def open(cls, folder: Path, *, made_up: bool = False) -> "Results":
        """Args:
            made_up: take what a run on device null left, too, which is no result.

        Raises InputError: no run wrote this folder, or one on device null did.
        """
        try:
            found = cls(folder, json.loads((folder / RECORD).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{folder}: holds no readable {RECORD}; give a folder that `trt-anime process` wrote"
            ) from error
        if not made_up and output.is_made_up(folder):
            raise InputError(output.made_up(folder))
        return found

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the frames in pixels."""
        return int(self.record["input"]["height"]), int(self.record["input"]["width"])

    @property
    def rate(self) -> Fraction:
        """Frames per second, on average."""
        return Fraction(self.record["input"]["rate"])

    @property
    def frames(self) -> int:
        """How many frames the results have."""
        return self.shots[-1].stop if self.shots else 0

    @cached_property
    def shots(self) -> tuple[Shot, ...]:
        return read_shots(self.folder)

    @cached_property
    def layers(self) -> Layers:
        return read_layers(self.folder)

    @cached_property
    def tracks(self) -> tuple[Track, ...]:
        """Empty where stage 3 has not run."""
        folder = self.folder / places.TRACKS
        return read_tracks(folder) if folder.is_dir() else ()

    def shot_of(self, index: int) -> Shot:
        """The shot that frame `index` is in."""
        return self.shots[bisect_right([shot.start for shot in self.shots], index) - 1]

    def rgba(self, layer: LayerFolder, index: int) -> Pixels | None:
        """uint8 [H,W,4], straight alpha; None where nothing of it is in the frame. Raises InputError."""
        path = self.folder / layer.folder / places.frame_name(index)
        return read_rgba(path) if path.exists() else None

    def ids(self, index: int) -> Pixels | None:
        """uint8 [H,W], the character at each pixel, 0 for none; None without stage 3. Raises InputError."""
        path = self.folder / places.TRACKS / places.frame_name(index)
        return read_plane(path) if path.exists() else None

    def source(self) -> FrameSource:
        """The clip, opened; close it. Raises InputError: it isn't where it was."""
        return open_source(Path(self.record["input"]["path"]), rate=self.rate)
