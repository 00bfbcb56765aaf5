"""Reading the memory and condensing it: rows that hold nothing are masked, so that engines can take all.

No weights in here. The matrix products count as the network, so that they may be FP16 (TensorRT-RTX has no
others for SM75); the choice among cells and the softmax stay FP32.
"""

import math

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Var, build

from trt_anime.export.temporal.xmem.frames import argument_of
from trt_anime.export.temporal.xmem.sizes import MemoryProfile
from trt_anime.export.temporal.xmem.tensors import Channels, as_read, tensors

_END = np.iinfo(np.int64).max
_LOWEST = -1e30  # below every similarity; finite, so that a memory without cells gives zeros and no NaN


def read_graph(profile: MemoryProfile, channels: Channels) -> onnx.ModelProto:
    """key, selection, memory_key, memory_shrinkage, memory_value, valid -> readout, usage.

    The `top_k` most similar of the valid cells answer for each position of the query; of equals, those
    with lower row numbers. With fewer valid cells all of them answer, with none the readout is zero.
    `usage` counts each cell that is as similar as the last of those, so it counts equals double.

    The rows are as many of the memory's first ones as a session gives, see `as_read`. With `top_k` or more
    of them the bits don't depend on how many there are.
    """
    kinds = as_read(tensors(profile, channels))
    names = ("key", "selection", "memory_key", "memory_shrinkage", "memory_value", "valid")
    given = {name: argument_of(kinds[name]) for name in names}
    key, selection, memory_key, shrinkage, value, valid = given.values()
    near = _similarity(key, selection, memory_key, shrinkage, channels=channels.key)
    held = op.greater(valid, _scalar(0.5))
    near = op.where(held, near, _scalar(_LOWEST))
    best, cells = op.top_k(near, op.min([op.shape(valid), _integers(profile.top_k)]), axis=1)
    strongest, weakest = _part(best, 0, 1, axis=1), _part(best, -1, _END, axis=1)
    parts = op.mul(op.exp(op.sub(best, strongest)), op.gather(valid, cells))
    total = op.max([op.reduce_sum(parts, _integers(1), keepdims=True), _scalar(1e-30)])
    return build(
        given,
        {
            "readout": _readout(op.div(parts, total), cells, value, profile, channels),
            "usage": _usage(near, strongest, weakest, total, valid),
        },
    )


def consolidate_graph(profile: MemoryProfile, channels: Channels) -> onnx.ModelProto:
    """memory_*, work_selection, candidates, prototypes, order -> long_key, long_shrinkage, long_value.

    A prototype is a cell of the working memory. It keeps its key; its shrinkage and value are read from all
    candidates, with it as the query. The old long-term cells and the prototypes are put in `order`.
    """
    kinds = tensors(profile, channels)
    names = ("memory_key", "memory_shrinkage", "memory_value", "work_selection")
    given = {name: argument_of(kinds[name]) for name in (*names, "candidates", "prototypes", "order")}
    key, shrinkage, value, selection, candidates, prototypes, order = given.values()
    work = profile.work_cells
    cells, shrinkage_of = _part(key, 0, work), _part(shrinkage, 0, work)
    key_of, chosen = op.gather(cells, prototypes), op.gather(selection, prototypes)
    near = _similarity(key_of, chosen, cells, shrinkage_of, channels=channels.key)
    near = op.where(op.greater(candidates, _scalar(0.5)), near, _scalar(_LOWEST))
    affinity = op.softmax(near, axis=1)
    narrow = op.reduce_sum(op.mul(affinity, shrinkage_of), _integers(1), keepdims=False)
    fused = op.matmul(affinity, _part(value, 0, work, axis=1))

    def ordered(old: Var, new: Var, axis: int) -> Var:
        both = op.concat([_part(old, work, _END, axis), new], axis=axis)
        return op.gather(both, order, axis=axis)

    return build(
        given,
        {
            "long_key": ordered(key, key_of, 0),
            "long_shrinkage": ordered(shrinkage, narrow, 0),
            "long_value": ordered(value, fused, 1),
        },
    )


def _similarity(key: Var, selection: Var, memory_key: Var, shrinkage: Var, *, channels: int) -> Var:
    """[M,C], [M,C], [N,C], [N] -> [M,N]: -sum(selection * (memory - key)^2) * shrinkage / sqrt(C).

    One matrix product of the expanded square, its three terms joined by channel: there the large terms
    cancel in the product's accumulator, and aren't rounded before.
    """
    chosen = op.mul(key, selection)
    own = op.reduce_sum(op.mul(chosen, key), _integers(1), keepdims=True)
    query = op.concat([op.neg(selection), op.mul(chosen, _scalar(2)), op.neg(own)], axis=1)
    ones = op.add(op.mul(op.unsqueeze(shrinkage, _integers(1)), _scalar(0)), _scalar(1))
    cells = op.concat([op.mul(memory_key, memory_key), memory_key, ones], axis=1)
    scale = op.mul(shrinkage, _scalar(1 / math.sqrt(channels)))
    return op.mul(op.matmul(query, op.transpose(cells, perm=[1, 0])), scale)


def _readout(parts: Var, cells: Var, value: Var, profile: MemoryProfile, channels: Channels) -> Var:
    """[M,K] shares and cell numbers, [objects,N,V] -> [objects,V,h,w]."""
    picked = op.gather(value, cells, axis=1)  # [objects,M,K,V]
    mixed = op.matmul(op.unsqueeze(parts, _integers(1)), picked)
    rows = op.reshape(mixed, _integers(0, profile.cells, channels.value))
    shape = _integers(0, channels.value, *profile.grid)
    return op.reshape(op.transpose(rows, perm=[0, 2, 1]), shape)


def _usage(near: Var, strongest: Var, weakest: Var, total: Var, valid: Var) -> Var:
    """[N]: shares summed over positions. A sum over a threshold, as nothing scatters with a sum."""
    share = op.div(op.exp(op.sub(near, strongest)), total)
    answered = op.greater_or_equal(near, weakest)
    used = op.reduce_sum(op.where(answered, share, _scalar(0)), _integers(0), keepdims=False)
    return op.mul(used, valid)


def _part(rows: Var, start: int, end: int, axis: int = 0) -> Var:
    return op.slice(rows, _integers(start), _integers(end), _integers(axis))


def _integers(*values: int) -> Var:
    return op.const(np.array(values, np.int64))


def _scalar(value: float) -> Var:
    return op.const(np.float32(value))
