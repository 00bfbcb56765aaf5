"""What a clip gives: frames with their place in time, and facts about the whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.closing import Closing

Pixels = NDArray[np.uint8]
DeepPixels = NDArray[np.uint16]

# Nothing to go by: the rate that most animation is timed at.
DEFAULT_RATE = Fraction(24)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A frame's place in time.

    Attributes:
        index: zero-based place in the clip, without gaps.
        pts: presentation time in units of the clip's ``time_base``, as the container has it.
        duration: in the same units; 0 when the container doesn't say.
    """

    index: int
    pts: int
    duration: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a clip.

    Attributes:
        rgb: uint8 [height, width, 3], 0..255, RGB, contiguous.
        deep: the same as uint16, 0..65535, where that was asked for and the source has more than 8
            bits; else None.
    """

    stamp: Stamp
    rgb: Pixels
    deep: DeepPixels | None = None


@dataclass(frozen=True)
class ClipInfo:
    """Facts about a clip, known before its second frame is read.

    Attributes:
        path: the video file, the image, or the folder of images.
        width, height: in pixels, as shown (after rotation).
        rate: average frames per second.
        time_base: seconds per unit of `Stamp.pts`.
        frames: how many to expect; None when the container doesn't say.
        pixel_format: FFmpeg's name, or ``images``.
        matrix, colour_range: how the colours were read, such as ``bt709`` and ``limited``.
        primaries, transfer: ITU-T H.273 numbers, carried from source to video outputs; 2 is unknown.
        pixel_aspect: width of a pixel over its height.
        bits: per channel, in the source.
        interlaced: whether its frames hold two fields each; frames given out are progressive.
    """

    path: Path
    kind: Literal["video", "images"]
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    frames: int | None
    pixel_format: str
    matrix: str = "rgb"
    colour_range: str = "full"
    primaries: int = 2
    transfer: int = 2
    pixel_aspect: Fraction = Fraction(1)
    bits: int = 8
    interlaced: bool = False


@dataclass(frozen=True, slots=True)
class Landmark:
    """A key frame, at which a later reading of a video may begin.

    Attributes:
        index: zero-based place in the clip.
        pts: as the container has it.
        crc32: of its RGB bytes.
    """

    index: int
    pts: int
    crc32: int


class FrameSource(Closing, Protocol):
    """An opened clip. Iterate once; the first frame has already been decoded."""

    @property
    def info(self) -> ClipInfo: ...

    @property
    def notices(self) -> list[str]:
        """Sentences the user should see; the list may grow until the last frame is read."""
        ...

    @property
    def landmarks(self) -> tuple[Landmark, ...]:
        """Whole once all frames from the first on have been read; none where it needs none, or has none."""
        ...

    def start_at(self, index: int) -> None:
        """Begin iteration at this frame, as cheaply as exact places in time allow. Before iterating."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Frames in the order shown.

        Raises:
            TrtAnimeError: the clip breaks off or a frame can't be decoded; every frame given
                before that is good.
        """
        ...

    def close(self) -> None: ...
