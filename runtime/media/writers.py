"""Layers out: one writer per format behind one protocol."""

from pathlib import Path
from typing import Protocol

from trt_anime.errors import InputError
from trt_anime.runtime.media.encoder import CODECS, VideoWriter
from trt_anime.runtime.media.frames import ClipInfo, Frame, Pixels
from trt_anime.runtime.media.png import PngSequence

FORMATS = ("png", *CODECS)


class Writer(Protocol):
    """Takes a layer's frames in order; what it leaves on disk is whole."""

    @property
    def output(self) -> Path:
        """The folder of images or the video file."""
        ...

    def write(self, frame: Frame, rgba: Pixels) -> None:
        """`rgba`: uint8 [height, width, 4], straight alpha. Raises OutputError."""
        ...

    @property
    def notices(self) -> list[str]:
        """Sentences the user should see before the first frame."""
        ...

    def close(self, complete: bool) -> None:
        """Finish; `complete` is False after a stop or an error. Again is harmless. Raises OutputError."""
        ...


def open_writer(folder: Path, stem: str, clip: ClipInfo, *, format: str, threads: int = 0) -> Writer:
    """A writer for one layer in an existing `folder`.

    Raises:
        InputError: no such format.
        OutputError: the file can't be created.
    """
    check_format(format)
    if format == "png":
        return PngSequence(folder)
    return VideoWriter(folder, stem, CODECS[format], clip, threads=threads)


def check_format(format: str) -> None:
    """Raises InputError: no such format."""
    if format not in FORMATS:
        raise InputError(f"format {format}: no such format; choose one of {', '.join(FORMATS)}")
