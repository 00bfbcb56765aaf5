"""Places in a video at which decoding may begin, learned while it was decoded from its beginning.

Only decoding from the beginning gives the exact place of a frame, and how many there are: containers are
wrong about both often enough. But a film that is read again, shot by shot, can't be decoded from the
beginning for each. So the first reading leaves landmarks: key frames, with what they looked like. A second
one that lands on one, and finds the same time stamp and the same pixels, is where it thinks it is.
"""

import zlib
from bisect import bisect_right
from collections.abc import Sequence

from trt_anime.runtime.media.frames import Landmark, Pixels

# Frames from one to the next at least: where every frame is a key frame, few are enough.
APART = 24


class Survey:
    """Notes landmarks in passing."""

    def __init__(self) -> None:
        self._found: list[Landmark] = []
        self._is_trusted = True

    def note(self, index: int, pts: int, rgb: Pixels) -> None:
        """A key frame; those soon after another are left out."""
        if self._is_trusted and (not self._found or index >= self._found[-1].index + APART):
            self._found.append(Landmark(index, pts, zlib.crc32(rgb.data)))

    def distrust(self) -> None:
        """Something came that may be otherwise when decoding begins elsewhere."""
        self._is_trusted = False
        self._found.clear()

    @property
    def found(self) -> tuple[Landmark, ...]:
        """Rising; none where decoding must begin at the beginning."""
        return tuple(self._found)


def before(landmarks: Sequence[Landmark], index: int) -> Landmark | None:
    """The last at or before a frame; None where that is as well the beginning of the clip."""
    place = bisect_right(landmarks, index, key=lambda one: one.index) - 1
    return landmarks[place] if place >= 0 and landmarks[place].index > 0 else None
