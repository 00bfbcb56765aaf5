"""Whether a shot's background is two sheets, and which: a near one before a far one, at different speeds.

The motion that most of the background follows is known. What does not follow it is registered again; if it
has one motion too, over most of the shot, both sheets are made of half of some small frames, and must show
the other half better than a single sheet does. Layers of a moving picture: Wang & Adelson, IEEE TIP 1994.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.aligning import corners_apart
from trt_anime.runtime.plates.camera import Camera
from trt_anime.runtime.plates.gathering import gathered, in_common_light, used
from trt_anime.runtime.plates.joining import COVERS, Cover, Pair, explained, joined
from trt_anime.runtime.plates.layout import layout_of
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.seen import Frames, Seen, visible

_ROWS = 240
_FRAMES = 24
_FEWEST_FRAMES = 6
_DETAIL = 9.0
_UNEXPLAINED = 0.05
"""Share of the visible detail that another sheet must have at the least."""
_FOUND = 0.8
"""Share of the frames in which its motion must be found."""
_APART = 0.01
"""How far the sheets must come apart, in frame widths."""
_SHARE = 0.06
_OFTEN = 0.75
"""Each sheet must show on this share of the visible background, in this share of the frames."""
_EDGE = 4
_PAYS = 0.6
"""What is left of the squared error that a single sheet makes of frames it was not made of."""
_TRUNCATED = 900.0
_ROUNDS = 2
_SMALL_ROUNDS = 3


@dataclass(frozen=True)
class _Small:
    """Some frames of a shot, small; and where all of its frames lie, in pixels of that size."""

    seen: tuple[Seen, ...]
    motions: Motions

    def half(self, start: int) -> "_Small":
        return replace(self, seen=self.seen[start::2])

    def frames(self) -> Iterator[Seen]:
        return iter(self.seen)


def sheets_of(frames: Frames, motions: Motions) -> Pair | None:
    """The two sheets of a shot; None where a single one does as well.

    Where something moves otherwise than the rest, goes over the frames twice; where that is a sheet, a
    dozen times more. Holds 24 frames of 240 rows, and about 130 bytes a pixel of the canvas.

    Args:
        motions: what most of the background follows; of frames that fit one canvas.
    """
    size = _small_size(motions.size)
    if int((motions.sure > 0).sum()) < _FEWEST_FRAMES or (motions.matrices == np.eye(3)).all():
        return None
    small = _Small(_small_frames(frames, motions, size), scaled(motions, size))
    single = gathered(small.frames, small.motions)
    if _unexplained(small, single) < _UNEXPLAINED:
        return None
    other = _other_motions(frames, motions, single)
    if other is None:
        return None
    motions = replace(motions, sure=other.sure)
    ordered = _in_order(small, motions, other)
    if ordered is None:
        return None
    near, far, cover = ordered
    near_small, far_small = scaled(near, size), scaled(far, size)
    rough = joined(small.frames, near_small, far_small, cover, _SMALL_ROUNDS)
    if not _both_show(small, rough):
        return None
    return joined(frames, near, far, lambda seen: _enlarged(rough, seen), _ROUNDS)


def scaled(motions: Motions, size: tuple[int, int]) -> Motions:
    """The same for frames of another size."""
    rows, columns = (new / old for new, old in zip(size, motions.size, strict=True))
    scale = np.array([[columns, 0, (columns - 1) / 2], [0, rows, (rows - 1) / 2], [0, 0, 1]])
    return replace(motions, size=size, matrices=scale @ motions.matrices @ np.linalg.inv(scale))


def _small_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, _ROWS / size[0])
    return round(size[0] * scale), round(size[1] * scale)


def _small_frames(frames: Frames, motions: Motions, size: tuple[int, int]) -> tuple[Seen, ...]:
    every = 1 + (int((motions.sure > 0).sum()) - 1) // _FRAMES
    return tuple(_shrunk(seen, size) for seen, _ in used(frames, motions, every))


def _shrunk(seen: Seen, size: tuple[int, int]) -> Seen:
    rgb, hidden = (
        np.asarray(cv2.resize(plane, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        for plane in (seen.rgb, seen.hidden)
    )
    return Seen(seen.index, rgb, hidden)


def _follows(single: Plate, seen: Seen) -> Pixels:
    """uint8 [H,W]: 255 where detail of a small frame lies as on the plate; a `Cover`."""
    row = single.motions.place(seen.index)
    return explained(in_common_light(seen.rgb, single.motions, row), single.plain_view(row), _DETAIL)


def _unexplained(small: _Small, single: Plate) -> float:
    """Share of the visible detail that does not lie as on the plate; the median of the frames."""
    shares = []
    for seen in small.seen:
        open_ = visible(seen.hidden) > 0
        detail = explained(seen.rgb, seen.rgb, _DETAIL)[open_] > 0
        if detail.any():
            shares.append(1 - float((_follows(single, seen)[open_] > 0)[detail].mean()))
    return float(np.median(shares)) if shares else 0.0


def _other_motions(frames: Frames, motions: Motions, single: Plate) -> Motions | None:
    """How moves what does not lie as on the plate; None where that is not one motion. One pass, or less."""
    camera, rows = Camera(), []
    own = set(motions.frames)
    spare = (1 - _FOUND) * (motions.sure > 0).sum()
    for seen in frames():
        if seen.index not in own:
            continue
        follows = _follows(single, _shrunk(seen, single.motions.size))
        large = cv2.resize(follows, seen.rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        rows.append(camera.follow(replace(seen, hidden=np.maximum(seen.hidden, large))))
        spare -= rows[-1].sure == 0 and motions.sure[motions.place(seen.index)] > 0
        if spare < 0:  # so many frames are lost that what the others say doesn't matter
            return None
    matrices = np.array([row.matrix for row in rows])
    sure = np.minimum(motions.sure, np.array([row.sure for row in rows]))
    if camera.first is None:
        return None
    matrices = motions.matrices[camera.first] @ matrices
    sure[: camera.first] = 0
    found = (sure > 0).sum() >= _FOUND * (motions.sure > 0).sum()
    other = replace(motions, matrices=matrices, sure=sure)
    apart = max(corners_apart(a, b, motions.size) for a, b in zip(matrices, motions.matrices, strict=True))
    if not found or apart < _APART * motions.size[1] or layout_of(other) is None:
        return None
    return other


def _in_order(small: _Small, one: Motions, other: Motions) -> tuple[Motions, Motions, Cover] | None:
    """Near sheet, far sheet, and a first guess at where the near one is; None where two don't pay."""
    size = small.motions.size
    made, kept = small.half(0), small.half(1)
    best, least = None, _PAYS * _error(kept, gathered(made.frames, small.motions))
    for near, far in ((one, other), (other, one)):
        small_near, small_far = scaled(near, size), scaled(far, size)
        plate = gathered(small.frames, small_near)
        cover = _cover(plate)
        pair = joined(made.frames, small_near, small_far, cover, _ROUNDS)
        if (error := _error(kept, pair)) < least:
            best, least = (near, far, cover), error
    return best


def _cover(plate: Plate) -> Cover:
    return lambda seen: _follows(plate, seen)


def _error(small: _Small, made: Plate | Pair) -> float:
    """Squared levels, truncated, on average over what is visible."""
    total, count = 0.0, 0
    for seen in small.seen:
        row = small.motions.place(seen.index)
        view = made.view(row) if isinstance(made, Pair) else made.plain_view(row)
        own = in_common_light(seen.rgb, small.motions, row)
        gap = np.square(own.astype(np.float32) - view).mean(2)[visible(seen.hidden) > 0]
        total += float(np.minimum(gap, _TRUNCATED).sum())
        count += gap.size
    return total / max(1, count)


def _both_show(small: _Small, pair: Pair) -> bool:
    """Both in the frame and along its edge: what never reaches the edge is a thing, and no sheet."""
    enough = 0
    for seen in small.seen:
        alpha = pair.near.view(small.motions.place(seen.index), small.motions.size)[..., 3]
        open_ = visible(seen.hidden) > 0
        edge = open_.copy()
        edge[_EDGE:-_EDGE, _EDGE:-_EDGE] = False
        enough += all(_SHARE <= _share_of(alpha[part]) <= 1 - _SHARE for part in (open_, edge))
    return enough >= _OFTEN * len(small.seen)


def _share_of(alpha: Pixels) -> float:
    return float((alpha >= 128).mean()) if alpha.size else 0.0


def _enlarged(rough: Pair, seen: Seen) -> Pixels:
    """A `Cover` of the full frames from the near sheet of the small ones."""
    motions = rough.far.motions
    alpha = np.ascontiguousarray(rough.near.view(motions.place(seen.index), motions.size)[..., 3])
    large = cv2.resize(alpha, seen.rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.threshold(large, COVERS, 255, cv2.THRESH_BINARY)[1], np.uint8)
