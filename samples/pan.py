"""A painting larger than the frame, and the camera that travels over it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from samples.arrays import F32, U8
from samples.cels import FrameSize
from samples.timeline import Exposure, ease

Point = tuple[float, float]


@dataclass(frozen=True)
class Camera:
    """Moves over a painting from `start` to `end`, (x, y) in 0..1 of the room there is, in `frames`."""

    start: Point
    end: Point
    frames: int

    def at(self, drawing: int) -> Point:
        progress = ease(drawing / self.frames)
        x, y = (a + (b - a) * progress for a, b in zip(self.start, self.end, strict=True))
        return x, y


def fixed(x: float, y: float) -> Camera:
    """A camera that stands still."""
    return Camera((x, y), (x, y), 1)


@dataclass(frozen=True)
class Plane:
    """One sheet, at least as large as the frame: uint8 [h, w, 3] RGB or [h, w, 4] premultiplied RGBA."""

    sheet: U8

    def window(self, at: Point, size: FrameSize) -> F32:
        """What the camera sees from `at`: float32 [H, W, C] 0..255, cubic between pixels."""
        rows, columns = self.sheet.shape[:2]
        x, y = at[0] * (columns - size.width), at[1] * (rows - size.height)
        left, top = max(0, int(x) - 2), max(0, int(y) - 2)
        part = self.sheet[top : top + size.height + 5, left : left + size.width + 5].astype(np.float32)
        shift = np.array([[1, 0, x - left], [0, 1, y - top]])
        moved = cv2.warpAffine(
            part,
            shift,
            (size.width, size.height),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.clip(np.asarray(moved, np.float32), 0, 255)


@dataclass(frozen=True)
class Panned:
    """Planes, back to front, all passed by one camera: a wider sheet passes faster (parallax).

    paint: gives the planes; called once, when the first frame is drawn.
    """

    size: FrameSize
    paint: Callable[[], tuple[Plane, ...]]
    camera: Camera
    exposure: Exposure

    @cached_property
    def _planes(self) -> tuple[Plane, ...]:
        return self.paint()

    def draw(self, drawing: int) -> U8:
        """uint8 [H, W, 3] RGB."""
        at = self.camera.at(drawing)
        picture = self._planes[0].window(at, self.size)
        for plane in self._planes[1:]:
            near = plane.window(at, self.size)
            picture *= 1 - near[..., 3:] / 255
            picture += near[..., :3]
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def cover(picture: U8, size: FrameSize, zoom: float) -> U8:
    """Scale a picture to cover `zoom` times the frame both ways, keeping its proportions."""
    rows, columns = picture.shape[:2]
    scale = zoom * max(size.width / columns, size.height / rows)
    shape = (max(size.width, round(columns * scale)), max(size.height, round(rows * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, shape, interpolation=method), np.uint8)
