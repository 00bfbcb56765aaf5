"""Two sheets found together: each from what the other leaves of the frames."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.gathering import gathered, in_common_light, used
from trt_anime.runtime.plates.layout import layout_of
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.pulling import near_of
from trt_anime.runtime.plates.seen import Floats, Frames, Seen, visible
from trt_anime.runtime.plates.sheets import Sheet, laid_over, straight
from trt_anime.runtime.plates.smooth import plainly_filled
from trt_anime.runtime.plates.warping import from_canvas, to_canvas, window_of

Cover = Callable[[Seen], Pixels]
"""uint8 [H,W]: 255 where the near sheet covers the far one in a frame."""

COVERS = 8
"""Of 255: the least alpha with which the near sheet spoils the far one."""
_SHARPER = 2
_CLOSE = 12.0
_LEAST = 0.01
_BOX = (7, 7)
_MISREGISTERED = 0.3
_NOISE = 18.0
"""Squared levels over three colours."""


@dataclass(frozen=True)
class Pair:
    """A far sheet, with holes where no frame shows it, and a near one before it.

    far.motions and near are of the same frames, in the same light.
    """

    far: Plate
    near: Sheet

    def view(self, row: int) -> Pixels:
        """uint8 [H,W,3]: what the frame of that row shows, in the plate's light."""
        return self._before(row, self.near.view(row, self.far.motions.size))

    def cover(self, seen: Seen) -> Pixels:
        """A `Cover`: where the near sheet is, and explains what the frame shows."""
        motions = self.far.motions
        row = motions.place(seen.index)
        near = self.near.view(row, motions.size)
        covers = cv2.threshold(cv2.extractChannel(near, 3), COVERS, 255, cv2.THRESH_BINARY)[1]
        right = explained(in_common_light(seen.rgb, motions, row), self._before(row, near))
        return np.asarray(cv2.bitwise_and(covers, right), np.uint8)

    def _before(self, row: int, near: Pixels) -> Pixels:
        """uint8 [H,W,3]: the near sheet's view over the far one's."""
        return laid_over(near, from_canvas(self.far.canvas, self.far.matrices[row], self.far.motions.size))


def explained(rgb: Pixels, view: Pixels, detail: float = 0.0) -> Pixels:
    """uint8 [H,W]: 255 where a view differs from the frame by less than a third of a pixel's motion would.

    Squared differences and squared gradients, summed over small boxes, say how far it is from it (Irani,
    Rousso & Peleg, IJCV 1994).

    Args:
        detail: squared levels a pixel; with less gradient nothing is said to be explained.
    """
    gap = cv2.absdiff(rgb, view).astype(np.float32)
    grey = rgb.astype(np.float32)
    across, down = (cv2.Scharr(grey, cv2.CV_32F, x, y) / 32 for x, y in ((1, 0), (0, 1)))
    sums = np.ones((1, 3), np.float32)
    error = cv2.blur(cv2.transform(cv2.multiply(gap, gap), sums), _BOX)
    steep = cv2.blur(cv2.transform(across * across + down * down, sums), _BOX)
    right = (error < _MISREGISTERED * steep + _NOISE) & (steep >= detail)
    return np.where(right, np.uint8(255), np.uint8(0))


def joined(frames: Frames, near: Motions, far: Motions, cover: Cover, rounds: int) -> Pair:
    """Both sheets, by turns. Goes over the frames five times a round and twice more.

    Args:
        cover: a first guess, right where it tells the sheets apart at all.

    Raises:
        InputError: one needs a larger canvas than may be.
    """
    layout = layout_of(near)
    assert layout is not None, "the caller has seen to it"
    pair: Pair | None = None
    for _ in range(rounds):
        uncovered = partial(_covered, frames, _once(cover if pair is None else pair.cover))
        behind = gathered(uncovered, far)
        # Its holes stay marked as holes.
        behind = replace(behind, canvas=plainly_filled(behind.canvas, behind.seen == 0))
        pair = Pair(behind, near_of(frames, near, layout, behind, pair.near if pair else None))
    assert pair is not None
    return _sharpened(frames, near, pair)


def _once(cover: Cover) -> Cover:
    """The same, worked out once for a frame and kept as a bit a pixel: 26 MB for a hundred frames of
    1920x1080."""
    known: dict[int, NDArray[np.uint8]] = {}

    def of(seen: Seen) -> Pixels:
        if (bits := known.get(seen.index)) is None:
            found = cover(seen)
            known[seen.index] = np.packbits(found)
            return found
        flat = np.unpackbits(bits, count=seen.hidden.size)
        return np.asarray(flat.reshape(seen.hidden.shape) * np.uint8(255))

    return of


def _covered(frames: Frames, cover: Cover) -> Iterator[Seen]:
    return (replace(seen, covered=cover(seen)) for seen in frames())


def _sharpened(frames: Frames, motions: Motions, pair: Pair) -> Pair:
    """What frames show differently goes into the sheets, into each as much as it shows: back-projection."""
    far, near = pair.far, pair.near
    behind = far.canvas.astype(np.float32)
    alpha = near.canvas[..., 3:] / np.float32(255)
    front = np.concatenate([near.canvas[..., :3] * alpha, alpha], axis=2).astype(np.float32)
    for _ in range(_SHARPER):
        sums = [np.zeros((*plane.shape[:2], 4), np.float32) for plane in (behind, front)]
        for seen, row in used(frames, motions):
            parts = _missed(seen, row, motions, pair, behind, front)
            for total, part, matrices in zip(sums, parts, (far.matrices, near.matrices), strict=True):
                window = window_of(matrices[row], motions.size, total.shape[:2])
                cv2.add(total[window], to_canvas(part, matrices[row], window), total[window])
        behind += _mean_of(sums[0])
        front[..., :3] += _mean_of(sums[1])
        np.clip(behind, 0, 255, out=behind)
        np.clip(front[..., :3], 0, 255 * front[..., 3:], out=front[..., :3])
    canvas = np.rint(behind).astype(np.uint8)
    sharp = straight(np.ascontiguousarray(front[..., :3]), np.ascontiguousarray(front[..., 3]))
    return Pair(replace(far, canvas=canvas), replace(near, canvas=sharp))


def _mean_of(total: Floats) -> Floats:
    """[h,w,3], from [h,w,4]: weighted sums and the weight."""
    weight = total[..., 3:]
    return np.asarray(np.where(weight > _LEAST, total[..., :3] / np.maximum(weight, _LEAST), 0), np.float32)


def _missed(
    seen: Seen, row: int, motions: Motions, pair: Pair, behind: Floats, front: Floats
) -> tuple[Floats, Floats]:
    """float32 [H,W,4] for the far and for the near sheet: what to add, times its weight; and the weight."""
    far = from_canvas(behind, pair.far.matrices[row], motions.size)
    near = from_canvas(front, pair.near.matrices[row], motions.size)
    alpha = np.clip(cv2.extractChannel(near, 3), 0, 1)
    through = 1 - alpha
    missed = cv2.subtract(
        in_common_light(seen.rgb, motions, row), cv2.cvtColor(near, cv2.COLOR_RGBA2RGB), dtype=cv2.CV_32F
    )
    missed = cv2.subtract(missed, cv2.multiply(far, cv2.cvtColor(through, cv2.COLOR_GRAY2RGB)))
    apart = cv2.transform(cv2.multiply(missed, missed), np.ones((1, 3), np.float32))
    weight = 1 / np.square(1 + apart / np.float32(2 * _CLOSE**2))
    weight[visible(seen.hidden) == 0] = 0
    colours, parts = cv2.split(missed), []
    for share in (through, alpha):
        counted = weight * share
        parts.append(cv2.merge([*(cv2.multiply(colour, counted * share) for colour in colours), counted]))
    return np.asarray(parts[0], np.float32), np.asarray(parts[1], np.float32)
