"""The background of a shot."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.layers.solving import highest
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.seen import margin, visible
from trt_anime.runtime.plates.sheets import Sheet, laid_over
from trt_anime.runtime.plates.warping import from_canvas, to_canvas

NOISE, _CLEAR = 4, 10  # levels by which a frame differs from its plate: no more than noise, clearly more
_ALL = 250  # of 255: less is not only rounding


@dataclass(frozen=True)
class Plate:
    """One picture of all that a shot shows of its background, and each frame's view of it.

    Attributes:
        canvas: uint8 [h,w,3], RGB.
        seen: uint8 [h,w], 255 where some frame shows it, 0 where it is invented.
        motions: of the shot's fresh frames.
        matrices: float64 [N,3,3], from each frame's pixels (x, y, 1) to the canvas's.
        piece: from 1; above 1 where the shot goes over more than one canvas can hold.
        sheets: none, or the far and the near sheet of a background with parallax. Views are made of them,
            and the canvas shows both as they lie for the frames that have a place in their middle.
    """

    canvas: Pixels
    seen: Pixels
    motions: Motions
    matrices: NDArray[np.float64]
    piece: int = 1
    sheets: tuple[Sheet, ...] = ()

    def view(self, index: int) -> Pixels:
        """uint8 [H,W,3]: the background as fresh frame `index` shows it.

        A crop, bit for bit, where the camera moved by whole pixels and the light is the plate's. Where
        `motions.sure` is 0 the camera is only supposed to stand where it stood before.

        Raises:
            KeyError: it is not one of the plate's fresh frames.
        """
        place = self.motions.place(index)
        picture = self.plain_view(place)
        gain, offset = self.motions.gains[place], self.motions.offsets[place]
        if (gain == 1).all() and (offset == 0).all():
            return np.array(picture)
        steps = np.arange(256)[:, None] * gain + offset
        table = np.clip(np.rint(steps), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(picture, table[None]), np.uint8)

    def plain_view(self, row: int) -> Pixels:
        """uint8 [H,W,3]: the view of the frame in a row of `motions`, in the plate's light."""
        size = self.motions.size
        if not self.sheets:
            return from_canvas(self.canvas, self.matrices[row], size)
        far, near = self.sheets
        behind = from_canvas(far.colours, far.matrices[row], size)
        return laid_over(near.view(row, size), behind)

    def holes(self, index: int) -> Pixels:
        """uint8 [H,W]: 255 where `view` shows what no frame has shown, else 0. Raises KeyError."""
        row, size = self.motions.place(index), self.motions.size
        if not self.sheets:
            return np.asarray(255 - seen_from(self.seen, self.matrices[row], size), np.uint8)
        far, near = (255 - seen_from(one.seen, one.matrices[row], size) for one in self.sheets)
        far[self.sheets[1].view(row, size)[..., 3] >= _ALL] = 0
        return np.maximum(far, near)

    def behind(self, index: int, rgb: Pixels, hidden: Pixels) -> Pixels:
        """uint8 [H,W,3]: `view`, with the frame's own pixels where the background shows and is another.

        So what moves in the background stays in it, and the noise of the clip doesn't come along.

        Args:
            rgb: uint8 [H,W,3], fresh frame `index`.
            hidden: uint8 [H,W], as in `Seen`.

        Raises:
            KeyError: it is not one of the plate's fresh frames.
        """
        own = visible(hidden)
        side = 2 * margin(hidden.shape[0]) + 1
        share = cv2.min(cv2.blur(cv2.erode(own, np.ones((side, side), np.uint8)), (side, side)), own)
        picture = self.view(index)
        share = cv2.multiply(share, _otherness(picture, rgb), scale=1 / 255)
        cv2.copyTo(rgb, np.where(share == 255, np.uint8(255), np.uint8(0)), picture)
        edge = (share > 0) & (share < 255)
        part = share[edge].astype(np.float32)[:, None] / 255
        picture[edge] = np.rint(picture[edge] * (1 - part) + rgb[edge] * part).astype(np.uint8)
        return picture


def _otherness(view: Pixels, rgb: Pixels) -> Pixels:
    """uint8 [H,W]: 0 where two pictures differ no more than by noise, 255 where they clearly do."""
    most = cv2.blur(highest(np.asarray(cv2.absdiff(view, rgb), np.uint8)), (3, 3))
    above = np.maximum(most, NOISE) - np.uint8(NOISE)
    return np.asarray(cv2.convertScaleAbs(above, alpha=255 / (_CLEAR - NOISE)), np.uint8)


def seen_from(seen: Pixels, matrix: NDArray[np.float64], size: tuple[int, int]) -> Pixels:
    """uint8 [H,W]: 255 where what a frame at `matrix` shows is all marked in `seen`, uint8 [h,w]."""
    back = np.linalg.inv(matrix)
    shown = to_canvas(seen, back / back[2, 2], (slice(0, size[0]), slice(0, size[1])))
    return np.where(shown >= _ALL, np.uint8(255), np.uint8(0))
