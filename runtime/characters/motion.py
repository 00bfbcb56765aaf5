"""Where each pixel of a frame was in the frame before: dense optical flow at a reduced size.

The method is DIS: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016, in OpenCV.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.characters.found import Frame, Ids

FLOW_SIDE = 512  # longest side at which motion is estimated
SPARE = 4  # pixels of a reduced frame
Grey = NDArray[np.uint8]
Flow = NDArray[np.float32]


def grey_of(frame: Frame) -> Grey:
    """uint8 [h,w] of uint8 [H,W,3], reduced."""
    height, width = frame.shape[:2]
    scale = min(1.0, FLOW_SIDE / max(height, width))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


class Motion:
    """Estimates flow; keeps OpenCV's buffers from frame to frame."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._flow.setFinestScale(1)

    def back(self, now: Grey, before: Grey) -> Flow:
        """float32 [h,w,2]: what must be added to (x, y) in `now` to come to the same point in `before`."""
        if np.array_equal(now, before):
            return np.zeros((*now.shape, 2), np.float32)
        return np.asarray(self._flow.calc(now, before, None), np.float32)  # type: ignore[call-overload]


def carried(ids: Ids, flow: Flow) -> Ids:
    """The ids of the frame before where the flow says they are now; uint8 [H,W], flow at any size."""
    height, width = ids.shape
    rows, columns = flow.shape[:2]
    small = np.asarray(cv2.resize(ids, (columns, rows), interpolation=cv2.INTER_NEAREST), np.uint8)
    x, y = _places(flow)
    # Only where somebody can be, and a little around: the rest of a large frame takes time for nothing.
    left, top, wide, high = cv2.boundingRect(_moved(small, x, y))
    moved = np.zeros_like(ids)
    if not wide:
        return moved
    x0, y0 = max(0, left - SPARE), max(0, top - SPARE)
    x1, y1 = min(columns, left + wide + SPARE), min(rows, top + high + SPARE)
    part = slice(y0, y1), slice(x0, x1)
    scale = width / columns, height / rows
    place = (
        slice(round(y0 * scale[1]), round(y1 * scale[1])),
        slice(round(x0 * scale[0]), round(x1 * scale[0])),
    )
    size = (place[1].stop - place[1].start, place[0].stop - place[0].start)
    far = cv2.resize(flow[part], size, interpolation=cv2.INTER_LINEAR)
    across = far[..., 0] * scale[0] + np.arange(place[1].start, place[1].stop, dtype=np.float32)
    down = far[..., 1] * scale[1] + np.arange(place[0].start, place[0].stop, dtype=np.float32)[:, None]
    moved[place] = _moved(ids, np.asarray(across, np.float32), np.asarray(down, np.float32))
    return moved


def residue(now: Grey, before: Grey, flow: Flow, where: NDArray[np.bool_]) -> float:
    """Mean difference in levels of 255 that motion leaves, bool [h,w] `where`; 0 for nowhere."""
    x, y = _places(flow)
    moved = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gap = cv2.absdiff(moved, now)
    return float(gap[where].mean()) if where.any() else 0.0


def _moved(ids: Ids, x: NDArray[np.float32], y: NDArray[np.float32]) -> Ids:
    return np.asarray(cv2.remap(ids, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _places(flow: Flow) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Absolute x and y, float32 [h,w] each, that a flow points to."""
    x = flow[..., 0] + np.arange(flow.shape[1], dtype=np.float32)
    y = flow[..., 1] + np.arange(flow.shape[0], dtype=np.float32)[:, None]
    return np.asarray(x, np.float32), np.asarray(y, np.float32)
