"""What is found in a single frame, and what finds it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Frame = NDArray[np.uint8]  # [H,W,3], RGB
Matte = NDArray[np.uint8]  # [H,W], alpha of all characters, 0..255
Ids = NDArray[np.uint8]  # [H,W], number of the character at each pixel, 0 for none
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom lie outside
Runner = Callable[[Mapping[str, NDArray[Any]]], dict[str, NDArray[Any]]]
"""One run of a stage graph: all inputs by name -> all outputs by name."""

CHARACTER = "character"  # label of what no network put into a class
SOLID = 128  # alpha from which on a pixel belongs to a character
SMALLEST = 0.003  # of the frame: less is no character


@dataclass(frozen=True)
class FoundSegment:
    """One segment of a frame.

    Attributes:
        id: its number in `Found.ids`, from 1.
        label: name of its class, or ``character``.
        score: 0..1, how sure the segmenter is; 1 where it can't tell.
        box: that encloses it.
        pixels: how many it has, more than 0.
        character: whether it is one that should be followed.
    """

    id: int
    label: str
    score: float
    box: Box
    pixels: int
    character: bool


@dataclass(frozen=True, eq=False)
class Found:
    """The segments of a frame.

    Attributes:
        ids: uint16 [H,W], the segment at each pixel, 0 for none.
        segments: by id, ascending.
    """

    ids: NDArray[np.uint16]
    segments: tuple[FoundSegment, ...]

    @property
    def characters(self) -> tuple[FoundSegment, ...]:
        return tuple(segment for segment in self.segments if segment.character)


class Segmenter(Protocol):
    def segment(self, frame: Frame, matte: Matte | None) -> Found:
        """Find what is in one frame.

        Args:
            frame: uint8 [H,W,3], RGB.
            matte: uint8 [H,W], alpha of all characters; None where there is none.

        Raises:
            InputError: it can do nothing without a matte.
            EngineError: a network failed.
        """
        ...


def found_of(
    ids: NDArray[np.integer[Any]],
    *,
    labels: Sequence[str] | None = None,
    scores: Sequence[float] | None = None,
    characters: Sequence[bool] | None = None,
) -> Found:
    """Describe a map of numbers from 1 on; what has no pixel is left out.

    Args:
        ids: [H,W].
        labels, scores, characters: of number 1, 2, and so on; by default characters that are sure.
    """
    plane = np.ascontiguousarray(ids, np.uint16)
    segments = []
    for number, place in enumerate(ndimage.find_objects(plane), 1):
        if place is None:
            continue
        segments.append(
            FoundSegment(
                id=number,
                label=CHARACTER if labels is None else labels[number - 1],
                score=1.0 if scores is None else scores[number - 1],
                box=(place[1].start, place[0].start, place[1].stop, place[0].stop),
                pixels=int(np.count_nonzero(plane[place] == number)),
                character=True if characters is None else characters[number - 1],
            )
        )
    return Found(plane, tuple(segments))
