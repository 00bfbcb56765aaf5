"""Test charts whose samples are computed here by the book (ITU-T H.273), not by the library under test."""

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from tests.runtime.media import Pixels

Floats = NDArray[np.float64]

# H.273 matrix number -> weights of red and blue in luma.
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def chart(*, width: int = 256) -> Floats:
    """[96, width, 3] RGB, 0..1: ramps of grey, red, green and blue, saturated patches, grey patches."""
    ramp = np.linspace(0, 1, width)
    nothing = np.zeros(width)
    patches = np.arange(width) * 8 // width
    saturated = np.stack([patches >> 2 & 1, patches >> 1 & 1, patches & 1], axis=-1).astype(float)
    greys = np.repeat((patches / 7)[:, None], 3, axis=1)
    rows = [
        np.stack([ramp, ramp, ramp], axis=-1),
        np.stack([ramp, nothing, nothing], axis=-1),
        np.stack([nothing, ramp, nothing], axis=-1),
        np.stack([nothing, nothing, ramp], axis=-1),
        saturated,
        greys,
    ]
    return np.repeat(np.stack(rows), 16, axis=0)


def unit(rgb: Pixels) -> Floats:
    return rgb / 255.0


def yuv_picture(
    rgb: Floats, pixel_format: str, *, matrix: int, full: bool, left: bool = False
) -> av.VideoFrame:
    """Planar YUV of any depth, tagged as what it is.

    Args:
        rgb: [height, width, 3], 0..1.
        left: whether subsampled chroma sits on the left of each pair, as H.264 and HEVC have it unless
            they say otherwise; else in the middle, as FFmpeg reads a stream that says nothing.
    """
    height, width = rgb.shape[:2]
    picture = av.VideoFrame(width, height, pixel_format)
    bits = picture.format.components[0].bits
    luma, blue, red = _quantised(rgb, bits=bits, matrix=matrix, full=full)
    if picture.planes[1].width < width:
        blue, red = (_pairs(part.T, left=left).T for part in (blue, red))
    if picture.planes[1].height < height:
        blue, red = (_pairs(part, left=False) for part in (blue, red))
    for plane, samples in zip(picture.planes, (luma, blue, red), strict=True):
        _fill(plane, np.rint(samples), bits=bits)
    picture.colorspace, picture.color_range = matrix, 2 if full else 1
    return picture


def ideal_rgb(picture: av.VideoFrame, *, matrix: int, full: bool) -> Floats:
    """What a 4:4:4 picture's samples mean: [height, width, 3] RGB, 0..1, not rounded."""
    bits = picture.format.components[0].bits
    red_weight, blue_weight = WEIGHTS[matrix]
    luma, blue, red = (_samples(plane, bits=bits) for plane in picture.planes)
    step = 2.0 ** (bits - 8)
    top = 2.0**bits - 1
    luma = luma / top if full else (luma / step - 16) / 219
    blue, red = ((part - 128 * step) / top if full else (part / step - 128) / 224 for part in (blue, red))
    r = luma + 2 * (1 - red_weight) * red
    b = luma + 2 * (1 - blue_weight) * blue
    g = (luma - red_weight * r - blue_weight * b) / (1 - red_weight - blue_weight)
    return np.clip(np.stack([r, g, b], axis=-1), 0, 1)


def _quantised(rgb: Floats, *, bits: int, matrix: int, full: bool) -> tuple[Floats, Floats, Floats]:
    """Luma and both chroma planes in the samples' units, not yet rounded."""
    red_weight, blue_weight = WEIGHTS[matrix]
    r, g, b = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    y = red_weight * r + (1 - red_weight - blue_weight) * g + blue_weight * b
    chroma = (b - y) / (2 * (1 - blue_weight)), (r - y) / (2 * (1 - red_weight))
    step, top = 2.0 ** (bits - 8), 2.0**bits - 1
    if full:
        blue, red = (np.clip(part * top + 128 * step, 0, top) for part in chroma)
        return y * top, blue, red
    blue, red = ((224 * part + 128) * step for part in chroma)
    return (219 * y + 16) * step, blue, red


def _pairs(part: Floats, *, left: bool) -> Floats:
    """One row for each two; the last stands for itself where there is no other."""
    padded = np.pad(part, ((1, 1), (0, 0)), mode="edge")
    if left:
        return ((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4)[::2]
    return ((padded[1:-1] + padded[2:]) / 2)[::2]


def _fill(plane: VideoPlane, samples: Floats, *, bits: int) -> None:
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    rows = np.zeros((plane.height, plane.line_size // kind.itemsize), kind)
    rows[:, : plane.width] = samples
    plane.update(rows.tobytes())


def _samples(plane: VideoPlane, *, bits: int) -> Floats:
    kind = np.dtype(np.uint8 if bits == 8 else "<u2")
    rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
    return rows[:, : plane.width].astype(np.float64)
