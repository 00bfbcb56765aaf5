"""What every pass knows of its run."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trt_anime.runtime.layers.characters import limited
from trt_anime.runtime.media.frames import ClipInfo, FrameSource, Landmark, Pixels
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.choices import Choices
from trt_anime.runtime.passes.networks import Networks, Notify
from trt_anime.runtime.passes.tools import Tools
from trt_anime.runtime.results import places
from trt_anime.runtime.results.planes import read_plane, read_rgba
from trt_anime.runtime.results.shots import Shot
from trt_anime.runtime.streams import ahead


@dataclass(frozen=True)
class Made:
    """What a pass made of a shot.

    Attributes:
        files: all whole.
        facts: what isn't in files and later shots or the record need, as JSON takes it.
    """

    files: list[Path]
    facts: dict[str, Any] = field(default_factory=dict)


OfShot = Callable[[Shot], Made]


@dataclass(frozen=True)
class Context:
    """One run, at one pass.

    Attributes:
        stages: numbers of the stages that run.
        landmarks: of the clip, which it can be read from.
        facts: by pass and shot number, what was made of shots so far, of this run and of earlier ones.
        notify: takes one sentence at a time that the user should see.
        go_on: raises where the run has ended for another reason; asked at each frame.
    """

    options: ProcessOptions
    choices: Choices
    stages: frozenset[str]
    clip: ClipInfo
    networks: Networks
    tools: Tools
    notify: Notify
    facts: Callable[[str], dict[int, dict[str, Any]]]
    landmarks: tuple[Landmark, ...] = ()
    go_on: Callable[[], None] = lambda: None

    @property
    def folder(self) -> Path:
        return self.options.output

    def has(self, folder: str) -> bool:
        """Whether a stage left something in its folder, in this run or before."""
        return places.holds(self.folder / folder)

    def frames(self, shot: Shot, start: int = 0) -> Iterator[tuple[int, Pixels]]:
        """The shot's fresh frames from `start` on, decoded by a thread: index, uint8 [H,W,3] RGB.

        Raises:
            TrtAnimeError: the clip breaks off or can't be read any more.
        """
        for item in ahead(self._decoded(shot, max(start, shot.start))):
            self.go_on()
            yield item

    def before(self, shot: Shot) -> Pixels:
        """uint8 [H,W,3] RGB: the last frame before a shot that isn't the first. Raises TrtAnimeError."""
        with self._source(shot.start - 1) as source:
            return next(iter(source)).rgb

    def matte(self, index: int) -> Pixels | None:
        """RGBA of all characters in a frame as the network gave it, else as stage 2a left it, else None.

        Raises InputError: the file is damaged.
        """
        name = places.frame_name(index)
        for folder in (matte_folder(self.folder), self.folder / places.CHARACTERS):
            if (folder / name).exists():
                return read_rgba(folder / name)
        return None

    def ids(self, index: int) -> Pixels | None:
        """uint8 [H,W], the character at each pixel, as stage 3 left it; None without. Raises InputError."""
        path = self.folder / places.TRACKS / places.frame_name(index)
        return read_plane(path) if path.exists() else None

    def character(self, shot: Shot, index: int) -> Pixels | None:
        """RGBA of all characters: the matte where the tracked ones are; None without a matte.

        It is the same whether stage 2a ran before stage 3, with it, or after it. Raises InputError.
        """
        rgba = self.matte(index)
        was_limited = self.facts("characters").get(shot.number, {}).get("limited", False)
        if rgba is None or (
            was_limited and not (matte_folder(self.folder) / places.frame_name(index)).exists()
        ):
            return rgba
        return limited(rgba, self.ids(index))

    def _decoded(self, shot: Shot, start: int) -> Iterator[tuple[int, Pixels]]:
        if start >= shot.stop:
            return
        with self._source(start) as source:
            for frame in source:
                if frame.stamp.index >= shot.stop:
                    return
                if shot.drawn_at(frame.stamp.index) == frame.stamp.index:
                    yield frame.stamp.index, frame.rgb

    def _source(self, start: int) -> FrameSource:
        """The clip from a frame on. Raises InputError: it isn't where it was."""
        options = self.options
        source = open_source(
            options.input, threads=options.cores, rate=options.rate, landmarks=self.landmarks
        )
        source.start_at(start)
        return source


def matte_folder(folder: Path) -> Path:
    """Where the frames of the matte lie until the layers are made of them."""
    return folder / places.WORK / "2a" / places.CHARACTERS


def heat_folder(folder: Path, name: str) -> Path:
    """Where the heat of an effect lies until the layers are made of it; `name`: see `finders.folder_of`."""
    return folder / places.WORK / "2b" / name


Opened = AbstractContextManager[OfShot]
