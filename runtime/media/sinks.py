"""Where layers go: what every output format offers the pipeline.

A clip is written in segments of a fixed number of frames. A segment's files depend on its own frames
only, so a run that was killed can begin again at any segment and leave the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trt_anime.runtime.media.frames import DeepPixels, Pixels, Stamp


@dataclass(frozen=True)
class Piece:
    """A finished file.

    Attributes:
        path: relative to the output folder, with forward slashes.
        crc32: of its bytes, as `zlib.crc32`.
    """

    path: str
    size_bytes: int
    crc32: int


class Segment(Protocol):
    """The files of one segment, until `close` or `abandon`."""

    def write(self, stamps: Sequence[Stamp], layers: Mapping[str, Pixels], deep: DeepPixels | None) -> None:
        """Write one picture, once for each of the places in time that show it.

        Args:
            stamps: rising; held frames share one picture.
            layers: by name, uint8 [height, width, 4] RGBA, straight alpha, contiguous. Not kept after
                the call.
            deep: the source frame as uint16 [height, width, 3] RGB, 0..65535, where the source has more
                than 8 bits; else None.

        Raises:
            OutputError: disk full, or the encoder refused.
        """
        ...

    def close(self) -> list[Piece]:
        """Finish every file; returns them all. Raises OutputError."""
        ...

    def abandon(self) -> None:
        """Leave nothing half-written; whole files may stay. Never raises."""
        ...


class Sink(Protocol):
    """One output of a run: a layer's images or video, or all layers' EXR files."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that `Segment.write` wants; others may be there."""
        ...

    @property
    def output(self) -> Path:
        """What the user finds in the end: a folder of images, or a video file."""
        ...

    @property
    def notices(self) -> list[str]:
        """Sentences the user should see before the first frame."""
        ...

    @property
    def in_order(self) -> bool:
        """Whether a segment's writes must come in clip order, one at a time.

        Otherwise they may come in any order and from several threads at once.
        """
        ...

    def segment(self, number: int) -> Segment:
        """Begin segment `number`, replacing whatever an earlier run left of it. Raises OutputError."""
        ...

    def finish(self, pieces: Sequence[Piece]) -> None:
        """Make `output` of all segments' pieces, in clip order.

        Raises:
            OutputError: disk full; the pieces are kept and `output` is absent.
        """
        ...

    def clear(self) -> None:
        """Remove the pieces, now that `output` holds them all; again is harmless. Raises OutputError."""
        ...
