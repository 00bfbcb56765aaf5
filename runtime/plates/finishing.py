"""A plate of two sheets: holes filled, and one picture of both."""

from dataclasses import replace

import cv2
import numpy as np

from trt_anime.runtime.plates.filling import Fill, Mask, filled
from trt_anime.runtime.plates.joining import COVERS, Pair
from trt_anime.runtime.plates.layout import layout_of
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.sampling import mapped
from trt_anime.runtime.plates.sheets import Sheet
from trt_anime.runtime.plates.smooth import plainly_filled, smoothly_filled
from trt_anime.runtime.plates.warping import to_canvas, window_of

_ALL = 250


def finished(pair: Pair, motions: Motions, fill: Fill) -> Plate:
    """The shot's plate. Its canvas is the motions': each place as the frame shows it that has it nearest
    to its middle.

    Args:
        motions: of the sheet that shows most.
    """
    layout = layout_of(motions)
    assert layout is not None, "the caller has seen to it"
    far = filled(pair.far, fill, _uncovered(pair))
    solid = np.full(far.seen.shape, 255, np.uint8)
    sheets = (Sheet(np.dstack([far.canvas, solid]), far.seen, far.matrices), _near_filled(pair, fill))
    empty = np.zeros((*layout.size, 3), np.uint8)
    return _composed(Plate(empty, empty[..., 0], motions, layout.matrices, sheets=sheets))


def _rows(motions: Motions) -> list[int]:
    return [int(row) for row in np.flatnonzero(motions.sure > 0)]


def _uncovered(pair: Pair) -> Mask:
    """bool [h,w]: the places of the far sheet that the near one leaves open in some frame."""
    far, size = pair.far, pair.far.motions.size
    shown = np.zeros(far.seen.shape, np.uint8)
    for row in _rows(far.motions):
        through = np.where(pair.near.view(row, size)[..., 3] < 255 - COVERS, np.uint8(255), np.uint8(0))
        window = window_of(far.matrices[row], size, (far.seen.shape[0], far.seen.shape[1]))
        np.maximum(shown[window], to_canvas(through, far.matrices[row], window), out=shown[window])
    return np.asarray(shown > 0)


def _near_filled(pair: Pair, fill: Fill) -> Sheet:
    """Where always something stood before it, the near sheet is there or not as it is around."""
    near = pair.near
    hole = near.seen == 0
    if not hole.any():
        return near
    alpha = np.asarray(near.canvas[..., 3] / np.float32(255), np.float32)
    around = smoothly_filled(alpha[..., None], (~hole).astype(np.float32))[..., 0]
    inside = hole & (around > 0.5)
    picture = smoothly_filled(near.canvas[..., :3].astype(np.float32), np.where(hole, np.float32(0), alpha))
    plain = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    colours = filled(replace(pair.far, canvas=plain, seen=near.seen, matrices=near.matrices), fill, inside)
    canvas = near.canvas.copy()
    canvas[inside, :3], canvas[inside, 3] = colours.canvas[inside], 255
    return replace(near, canvas=canvas)


def _composed(plate: Plate) -> Plate:
    """With canvas and seen, from the views."""
    motions = plate.motions
    canvas, seen = plate.canvas.copy(), plate.seen.copy()
    nearest = np.full(seen.shape, np.inf, np.float32)
    middle = np.array([[(motions.size[1] - 1) / 2, (motions.size[0] - 1) / 2]])
    y, x = np.ogrid[: seen.shape[0], : seen.shape[1]]
    for row in _rows(motions):
        matrix = plate.matrices[row]
        window = window_of(matrix, motions.size, (seen.shape[0], seen.shape[1]))
        across, down = mapped(matrix, middle)[0]
        distance = np.square(x[:, window[1]] - across) + np.square(y[window[0]] - down)
        whole = to_canvas(np.full(motions.size, 255, np.uint8), matrix, window) >= _ALL
        closer = (whole & (distance < nearest[window])).view(np.uint8)
        nearest[window][closer > 0] = distance[closer > 0]
        shown = 255 - plate.holes(motions.frames[row])
        for plane, target in ((plate.plain_view(row), canvas), (shown, seen)):
            moved = to_canvas(plane, matrix, window, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
            cv2.copyTo(moved, closer, target[window])
    seen = np.where(seen >= _ALL, np.uint8(255), np.uint8(0))
    return replace(plate, canvas=plainly_filled(canvas, np.isinf(nearest)), seen=seen)
