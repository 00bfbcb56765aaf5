"""The plate from the visible parts of a shot's frames: what most of them show, then their mean."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.layout import Layout, layout_of, scale_of
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.seen import Floats, Frames, Matrix, Seen, shown
from trt_anime.runtime.plates.smooth import smoothly_filled
from trt_anime.runtime.plates.warping import from_canvas, to_canvas, window_of

_KEPT = 7
"""Observations of a pixel that are kept to take their median."""
_ROUNDS = 2  # the second gains 1 dB and more in zooms and turns, but 0.3 where the camera only shifts
_ENOUGH_FRAMES = 48
_CLOSE = 12.0
"""Levels from the median: what is much farther is no background."""
_ALL = 250


def gathered(frames: Frames, motions: Motions) -> Plate:
    """The plate with holes, `seen` 0 and black, where no frame shows the background; three passes.

    The median of up to 7 observations, drawn at random from all, is what characters that a matte missed do
    not shift. Around it, frames are averaged in one or two rounds of back-projection (Irani & Peleg, 1991):
    what a frame shows differently than the plate does, unless very differently, goes into the plate, whose
    views so are as sharp as the frames. Holds about 75 bytes a pixel of the canvas.

    Raises:
        InputError: the shot needs a larger canvas than one may be; see `pieces_of`.
    """
    layout = layout_of(motions)
    if layout is None:
        raise InputError(
            f"frames {motions.frames[0]} to {motions.frames[-1]}: go over more than one plate can hold;"
            " cut them with `pieces_of`"
        )
    canvas, seen = _medians(frames, motions, layout)
    if seen.any():
        canvas = _sharpened(frames, motions, layout, canvas, seen)
    return Plate(canvas, seen, motions, layout.matrices)


def used(frames: Frames, motions: Motions, every: int = 1) -> Iterator[tuple[Seen, int]]:
    """The frames whose motion is known, each with its row; one of `every`."""
    rows = {index: row for row, index in enumerate(motions.frames) if motions.sure[row] > 0}
    chosen = {index for place, index in enumerate(rows) if place % every == 0}
    for seen in frames():
        if seen.index > motions.frames[-1]:
            return
        if seen.index in chosen:
            yield seen, rows[seen.index]


def _medians(frames: Frames, motions: Motions, layout: Layout) -> tuple[Pixels, Pixels]:
    samples = np.zeros((_KEPT, *layout.size, 3), np.uint8)
    count = np.zeros(layout.size, np.uint16)
    chance = np.random.default_rng(0)
    for seen, row in used(frames, motions):
        matrix = layout.matrices[row]
        window = window_of(matrix, motions.size, layout.size)
        here = to_canvas(shown(seen), matrix, window) >= _ALL
        slots = _slots(count[window], float(chance.random()), here)
        count[window] += here & (count[window] < 65535)
        if slots.min() >= _KEPT:
            continue
        rgb = in_common_light(seen.rgb, motions, row)
        picture = to_canvas(rgb, matrix, window, cv2.INTER_CUBIC)
        for slot in np.unique(slots[slots < _KEPT]):
            cv2.copyTo(picture, (slots == slot).view(np.uint8), samples[(slot, *window)])
    return _median(samples, count), np.where(count > 0, np.uint8(255), np.uint8(0))


def _slots(count: NDArray[np.uint16], chance: float, shown: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Which of the kept observations a new one replaces, `_KEPT` for none: Vitter's reservoir (1985)."""
    numbers = np.arange(int(count.max(initial=0)) + 1)
    drawn = np.minimum((chance * (numbers + 1)).astype(np.int64), _KEPT)
    table = np.where(numbers < _KEPT, numbers, drawn).astype(np.uint8)
    return np.where(shown, table[count], np.uint8(_KEPT))


def _median(samples: NDArray[np.uint8], count: NDArray[np.uint16]) -> Pixels:
    """Over the first axis; where fewer were kept, they count again and again. Changes `samples`."""
    for few in range(1, min(_KEPT, int(count.max(initial=0)) + 1)):
        where = (count == few).view(np.uint8)
        if where.any():
            for slot in range(few, _KEPT):
                cv2.copyTo(samples[slot - few], where, samples[slot])
    for turn in range(_KEPT):  # sorts by swapping neighbours
        for low in range(turn % 2, _KEPT - 1, 2):
            least = cv2.min(samples[low], samples[low + 1])
            cv2.max(samples[low], samples[low + 1], samples[low + 1])
            samples[low] = least
    return np.asarray(samples[_KEPT // 2].copy(), np.uint8)


def _sharpened(frames: Frames, motions: Motions, layout: Layout, canvas: Pixels, seen: Pixels) -> Pixels:
    known = (seen > 0).astype(np.float32)
    plate = smoothly_filled(canvas.astype(np.float32), known)
    every = 1 + (int((motions.sure > 0).sum()) - 1) // _ENOUGH_FRAMES
    only_shifts = bool((layout.matrices[:, :, :2] == np.eye(3)[:, :2]).all())
    for _ in range(1 if only_shifts else _ROUNDS):
        total = np.zeros((*layout.size, 4), np.float32)
        for frame, row in used(frames, motions, every):
            matrix = layout.matrices[row]
            change = _difference(plate, frame, motions, row, matrix)
            window = window_of(matrix, motions.size, layout.size)
            cv2.add(total[window], to_canvas(change, matrix, window), total[window])
        weight = total[..., 3:]
        plate += np.divide(total[..., :3], weight, out=np.zeros_like(plate), where=weight > 1e-3)
    plate[seen == 0] = 0
    return np.clip(np.rint(plate), 0, 255).astype(np.uint8)


def _difference(plate: Floats, seen: Seen, motions: Motions, row: int, matrix: Matrix) -> Floats:
    """float32 [H,W,4]: what to add to the plate's view, times its weight; and the weight."""
    view = from_canvas(plate, matrix, motions.size)
    change = cv2.subtract(in_common_light(seen.rgb, motions, row), view, dtype=cv2.CV_32F)
    far = cv2.transform(cv2.multiply(change, change), np.full((1, 3), 1 / (2 * _CLOSE**2), np.float32))
    detail = 1 / max(1.0, scale_of(matrix, motions.size)) * float(min(1.0, motions.gains[row].min()))
    near = np.divide(np.float32(detail), far + np.float32(1))
    weight = near * near
    weight[shown(seen) == 0] = 0
    return np.asarray(cv2.merge([*(cv2.multiply(part, weight) for part in cv2.split(change)), weight]))


def in_common_light(rgb: Pixels, motions: Motions, row: int) -> Pixels:
    """uint8 [H,W,3]: the frame of that row as it is in the plate's light."""
    gain, offset = motions.gains[row], motions.offsets[row]
    if (gain == 1).all() and (offset == 0).all():
        return rgb
    table = np.clip(np.rint((np.arange(256)[:, None] - offset) / gain), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(rgb, table[None]), np.uint8)
