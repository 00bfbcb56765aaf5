"""Which row of a table wins a pixel: planes at the network's size compete at frame size.

Bringing all planes to frame size at once would take a gigabyte a frame. So only the rows that can win take
part, and those in groups: their values are compared with the best so far and forgotten.
"""

from typing import NamedTuple

import numpy as np
import spox.opset.ai.onnx.v20 as op
from spox import Var

from trt_anime.export.geometry import integers, resized, scalar

NOBODY = 255  # in `index`: no row
_GROUP = 8  # planes at frame size at a time
_ABSENT = -1.0  # value of a row that doesn't take part; those that do have 0 or more
LEAST = -0.5  # between the two


class Rows(NamedTuple):
    """The rows of a table that take part: their numbers, int64 [B or 1,S], ascending; S of them."""

    numbers: Var
    slots: int


def best_rows(rank: Var, rows: int, slots: int) -> Rows:
    """The `slots` rows that have the highest `rank`, float32 [B,rows], in the table's order.

    The order decides between equal values as in the published code: the first one wins.
    """
    if slots >= rows:
        return Rows(op.const(np.arange(rows, dtype=np.int64)[None]), rows)
    _, chosen = op.top_k(rank, integers(slots), axis=1)
    ascending, _ = op.top_k(op.cast(chosen, to=np.float32), integers(slots), axis=1, largest=0)
    return Rows(op.cast(ascending, to=np.int64), slots)


def of_rows(table: Var, rows: Rows, length: int) -> Var:
    """The chosen rows of a table [B,length,...]."""
    if rows.slots == length:
        return table
    return op.gather_nd(table, op.unsqueeze(rows.numbers, integers(2)), batch_dims=1)


def probability(logits: Var) -> Var:
    """The logistic function, to seven digits of its value.

    ONNX Runtime's Sigmoid has seven digits of 1: far from all masks, where the best of small values wins,
    others would win by it.
    """
    return op.reciprocal(op.add(op.exp(op.neg(logits)), scalar(1)))


def without(planes: Var, absent: Var) -> Var:
    """`planes` [B,S,h,w], those that `absent`, bool [B,S], names taken out of the competition."""
    return op.where(op.unsqueeze(absent, integers(2, 3)), scalar(_ABSENT), planes)


def winners(
    planes: Var, weights: Var | None, rows: Rows, size: Var, *, floor: Var, counted_from: float | None
) -> tuple[Var, Var | None]:
    """Each pixel's winning row, and how many pixels each row has from a value on.

    Args:
        planes: float32 [B,S,h,w]; bilinear between pixels.
        weights: float32 [B,S], factors once the planes are at frame size.
        size: int64 [2], H and W.
        floor: float32 [] or [B,1,1,1]; a row that isn't above it doesn't win.
        counted_from: the value meant above.

    Returns:
        uint8 [B,H,W], `NOBODY` where no row wins; int32 [B,S], None where nothing is to be counted.
    """
    height, width = op.split(size, integers(1, 1), axis=0)
    best, index, areas = floor, scalar(NOBODY), []
    for start in range(0, rows.slots, _GROUP):
        span = integers(start), integers(min(start + _GROUP, rows.slots)), integers(1)
        values = resized(op.slice(planes, *span), height, width)
        if weights is not None:
            values = op.mul(values, op.unsqueeze(op.slice(weights, *span), integers(2, 3)))
        if counted_from is not None:
            areas.append(_pixels(values, counted_from))
        numbers = op.unsqueeze(op.cast(op.slice(rows.numbers, *span), to=np.float32), integers(2, 3))
        for value, number in zip(_single(values, start, rows), _single(numbers, start, rows), strict=True):
            index = op.where(op.greater(value, best), number, index)
            best = op.max([best, value])
    flat = op.squeeze(index, integers(1))
    return op.cast(flat, to=np.uint8), op.concat(areas, axis=1) if areas else None


def _single(values: Var, start: int, rows: Rows) -> list[Var]:
    count = min(_GROUP, rows.slots - start)
    return list(op.split(values, integers(*[1] * count), axis=1)) if count > 1 else [values]


def _pixels(values: Var, lowest: float) -> Var:
    """int32 [B,n]: in two steps, as FP32 counts to 16 million only."""
    inside = op.cast(op.greater_or_equal(values, scalar(lowest)), to=np.float32)
    lines = op.cast(op.reduce_sum(inside, integers(3), keepdims=False), to=np.int32)
    return op.reduce_sum(lines, integers(2), keepdims=False)
