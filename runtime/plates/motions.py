"""How a shot's camera moves: for each fresh frame, where it lies on the plate and in what light."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.plates.camera import Camera
from trt_anime.runtime.plates.light import unchanged
from trt_anime.runtime.plates.seen import Frames


@dataclass(frozen=True)
class Motions:
    """Where a shot's frames lie on a common plane, that of its first frame in full size.

    Attributes:
        size: (height, width) of the frames in pixels.
        frames: indices in the clip, ascending.
        matrices: float64 [N,3,3], from a frame's pixels (x, y, 1) to the plane's.
        gains, offsets: float64 [N,3], RGB: frame = gain * plane + offset, 0..255; 1 and 0 where the light
            does not change.
        sure: float64 [N], 0..1; 0 where nothing told the motion, and the one before is repeated.
    """

    size: tuple[int, int]
    frames: tuple[int, ...]
    matrices: NDArray[np.float64]
    gains: NDArray[np.float64]
    offsets: NDArray[np.float64]
    sure: NDArray[np.float64]

    def place(self, index: int) -> int:
        """Row of frame `index`. Raises KeyError: it is not one of the shot's fresh frames."""
        place = int(np.searchsorted(self.frames, index))
        if place == len(self.frames) or self.frames[place] != index:
            raise KeyError(index)
        return place

    def some(self, places: slice) -> "Motions":
        """Only these rows."""
        arrays = {name: getattr(self, name)[places] for name in ("matrices", "gains", "offsets", "sure")}
        return replace(self, frames=self.frames[places], **arrays)


def followed(frames: Frames) -> tuple[Motions, float]:
    """Register a shot's frames on each other, in one pass over them; at least one frame.

    Holds a frame in three sizes for each stretch of the background, and at most 48 of them.

    Returns the motions, and the share of telling places that moved otherwise, on average.
    """
    camera = Camera()
    rows = [camera.follow(seen) for seen in frames()]
    sure = np.array([row.sure for row in rows])
    if camera.first is not None:
        sure[: camera.first] = 0  # before there was anything to go by
    gains, offsets = _in_common_light(
        np.array([row.gain for row in rows]), np.array([row.offset for row in rows]), sure
    )
    matrices = np.array([row.matrix for row in rows])
    motions = Motions(camera.size, tuple(row.frame for row in rows), matrices, gains, offsets, sure)
    return motions, float(np.mean([row.apart for row in rows]))


def _in_common_light(
    gains: NDArray[np.float64], offsets: NDArray[np.float64], sure: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same with the light of a bright frame as the plate's: nothing is kept in the dark of a fade.

    The bright frame is the fourth brightest of five, so that a flash is not it.
    """
    brightness = (gains * 128 + offsets).mean(1)
    known = np.flatnonzero(sure > 0)
    if not len(known):
        return gains, offsets
    ranked = known[np.argsort(brightness[known], kind="stable")]
    model = ranked[round(0.8 * (len(ranked) - 1))]
    if unchanged(gains[model], offsets[model]):
        return gains, offsets
    gain = gains / gains[model]
    offset = offsets - gain * offsets[model]
    still = [unchanged(*row) for row in zip(gain, offset, strict=True)]
    gain[still], offset[still] = 1, 0
    return gain, offset
