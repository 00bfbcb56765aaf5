"""How stored pixels become the picture shown."""

from dataclasses import dataclass
from typing import Any, TypeVar, cast

import av
import numpy as np
from numpy.typing import NDArray

_Sample = TypeVar("_Sample", np.uint8, np.uint16)


@dataclass(frozen=True)
class Orientation:
    """Turns and flips; mirrored after a transposition."""

    transposed: bool = False
    upside_down: bool = False
    mirrored: bool = False

    def __call__(self, picture: NDArray[_Sample]) -> NDArray[_Sample]:
        """[height, width, 3], contiguous; `picture` itself where nothing is to be done."""
        if self.transposed:
            picture = picture.transpose(1, 0, 2)
        picture = picture[:: -1 if self.upside_down else 1, :: -1 if self.mirrored else 1]
        return np.ascontiguousarray(picture)

    def size(self, picture: av.VideoFrame) -> tuple[int, int]:
        """(width, height) as shown."""
        if self.transposed:
            return picture.height, picture.width
        return picture.width, picture.height


def orientation(frame: av.VideoFrame) -> Orientation:
    """From the frame's display matrix. Ask one frame of a clip only.

    PyAV ties a frame and its side data into a cycle; asked of each, hundreds of frames would stay in
    memory until the garbage collector comes by.
    """
    data = cast(Any, frame.side_data.get("DISPLAYMATRIX"))
    if data is None:
        return Orientation()
    a, b, _, c, d = (int(number) for number in np.frombuffer(memoryview(data), np.int32)[:5])
    if abs(b) > abs(a):
        return Orientation(True, upside_down=b < 0, mirrored=c < 0)
    return Orientation(False, upside_down=d < 0, mirrored=a < 0)
