"""What is done to a drawn layer: laid over another, lit, blurred as it moves or turns."""

import cv2
import numpy as np

from samples.arrays import F32, Layer


def tidy(premultiplied: F32) -> F32:
    """Clamp float32 [h, w, 4] to what premultiplied RGBA can be: 0 <= RGB <= A <= 1."""
    np.clip(premultiplied, 0, 1, out=premultiplied)
    np.minimum(premultiplied[..., :3], premultiplied[..., 3:], out=premultiplied[..., :3])
    return premultiplied


def over(top: Layer, bottom: Layer) -> Layer:
    """Both layers as one that covers the two."""
    left, upper = min(top.left, bottom.left), min(top.top, bottom.top)
    columns = max(piece.left + piece.rgba.shape[1] for piece in (top, bottom)) - left
    rows = max(piece.top + piece.rgba.shape[0] for piece in (top, bottom)) - upper
    merged = np.zeros((rows, columns, 4), np.float32)
    for piece in (bottom, top):
        y, x = piece.top - upper, piece.left - left
        part = merged[y : y + piece.rgba.shape[0], x : x + piece.rgba.shape[1]]
        part *= 1 - piece.rgba[..., 3:]
        part += piece.rgba
    return Layer(merged, left, upper)


def smear(layer: Layer, dx: float, dy: float) -> Layer:
    """Motion blur: the layer while it moves by (dx, dy) frame pixels, centred on where it is."""
    across, down = (_shutter(abs(length)) for length in (dx, dy))
    x, y = len(across) // 2, len(down) // 2
    if x == 0 and y == 0:
        return layer
    wide = np.pad(layer.rgba, ((y, y), (x, x), (0, 0)))
    blurred = cv2.sepFilter2D(wide, cv2.CV_32F, across, down, borderType=cv2.BORDER_CONSTANT)
    return Layer(np.asarray(blurred, np.float32), layer.left - x, layer.top - y)


def spin(layer: Layer, pivot: tuple[float, float], first: float, last: float) -> Layer:
    """Motion blur: the layer while it turns about `pivot` (frame pixels) from angle `first` to `last`."""
    rows, columns = layer.rgba.shape[:2]
    reach = np.hypot(rows, columns) * abs(last - first)
    angles = np.linspace(first, last, max(1, int(reach / 2)))
    x, y = pivot[0] - layer.left - 0.5, pivot[1] - layer.top - 0.5
    total = np.zeros_like(layer.rgba)
    for angle in angles:
        turn = cv2.getRotationMatrix2D((x, y), -np.degrees(angle), 1.0)
        total += cv2.warpAffine(layer.rgba, turn, (columns, rows), flags=cv2.INTER_LINEAR)
    return Layer(total / np.float32(len(angles)), layer.left, layer.top)


def lit(layer: Layer, light: tuple[float, float, float]) -> Layer:
    """The layer under coloured light: RGB times `light`, each 0..1."""
    if light == (1.0, 1.0, 1.0):
        return layer
    return Layer(layer.rgba * np.array((*light, 1), np.float32), layer.left, layer.top)


def _shutter(length: float) -> F32:
    """A box `length` pixels wide as an odd kernel, float32 [n], sum 1; fractional ends."""
    if length < 1:
        return np.ones(1, np.float32)
    reach = int(np.ceil((length - 1) / 2))
    kernel = np.ones(2 * reach + 1)
    kernel[[0, -1]] = (length - (2 * reach - 1)) / 2
    return np.asarray(kernel / kernel.sum(), np.float32)
