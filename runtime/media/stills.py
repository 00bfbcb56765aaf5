"""Numbered images: one file for each place in time."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from trt_anime.errors import OutputError
from trt_anime.files import output_error
from trt_anime.runtime.media.frames import DeepPixels, Pixels, Stamp
from trt_anime.runtime.media.pieces import piece_of, placing
from trt_anime.runtime.media.sinks import Piece

# Writes one file of the layers (uint8 RGBA by name) and, where there is one, the deep source frame.
Encode = Callable[[Path, Mapping[str, Pixels], DeepPixels | None], None]


class Stills:
    """A sink of images: `frame_000000` and on, named by the frame's index.

    Each file is whole or absent, also when the process is killed. Not promised: that the last
    files survive a power cut (they are not synced one by one, that would cost more than encoding).
    """

    in_order = False

    def __init__(
        self, root: Path, folder: str, suffix: str, layers: tuple[str, ...], encode: Encode
    ) -> None:
        self.layers, self.output, self.notices = layers, root / folder, list[str]()
        self._root, self._suffix, self._encode = root, suffix, encode

    def segment(self, number: int) -> "StillsSegment":
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(self.output, error) from error
        return StillsSegment(self._root, self.output, self._suffix, self._encode)

    def finish(self, pieces: Sequence[Piece]) -> None:
        """The pieces are the output; images that a killed run left beyond them are removed."""
        names = {Path(piece.path).name for piece in pieces}
        try:
            for path in self.output.glob(f"frame_*{self._suffix}"):
                if path.name not in names:
                    path.unlink()
        except OSError as error:
            raise output_error(self.output, error) from error

    def clear(self) -> None:
        """Nothing to do: the pieces are the output."""


class StillsSegment:
    """A number of images. `write` may be called from several threads."""

    def __init__(self, root: Path, folder: Path, suffix: str, encode: Encode) -> None:
        self._root, self._folder, self._suffix, self._encode = root, folder, suffix, encode
        self._pieces: list[Piece] = []

    def write(self, stamps: Sequence[Stamp], layers: Mapping[str, Pixels], deep: DeepPixels | None) -> None:
        first, *others = (self._folder / f"frame_{stamp.index:06d}{self._suffix}" for stamp in stamps)
        with placing(first) as temporary:
            self._encode(temporary, layers, deep)
        piece = piece_of(first, self._root)
        self._pieces.append(piece)
        for path in others:
            with placing(path) as temporary:
                shutil.copyfile(first, temporary)
            self._pieces.append(replace(piece, path=path.relative_to(self._root).as_posix()))

    def close(self) -> list[Piece]:
        return sorted(self._pieces, key=lambda piece: (len(piece.path), piece.path))

    def abandon(self) -> None:
        """Nothing to do: every image is a file of its own."""


def cannot_encode(path: Path, reason: str) -> OutputError:
    """The one sentence for an image that no free space would help."""
    return OutputError(f"{path}: can't be encoded ({reason}); choose another --format")
