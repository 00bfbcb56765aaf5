"""The rule of instance heads: the best pairs of query and class paint their masks, one over the other."""

import numpy as np
import spox.opset.ai.onnx.v20 as op
from spox import Var

from trt_anime.export.geometry import integers, resized, scalar
from trt_anime.export.recipes.segment import Segmentation
from trt_anime.export.segment.competition import NOBODY

_GROUP = 20  # masks at the network's size at a time


def instances(
    size: Var, class_logits: Var, mask_logits: Var, threshold: Var, rule: Segmentation
) -> dict[str, Var]:
    """``index``, ``scores``, ``labels`` and ``areas`` of `finish_graph`; a row is a pair, the surest first.

    A pair's score is the class's probability times the mean probability inside of the mask.
    """
    classes, pairs = len(rule.labels), rule.queries
    chances = op.slice(op.softmax(class_logits, axis=2), integers(0), integers(classes), integers(2))
    sureness, place = op.top_k(op.reshape(chances, integers(0, -1)), integers(pairs), axis=1)
    query = op.div(place, integers(classes))
    labels = op.cast(op.sub(place, op.mul(query, integers(classes))), to=np.int32)
    logits = op.gather_nd(mask_logits, op.unsqueeze(query, integers(2)), batch_dims=1)
    lines, columns = _source(size, 0, rule), _source(size, 1, rule)
    seen = _seen(lines, columns, rule)
    index, scores, areas = None, [], []
    for start in range(0, pairs, _GROUP):
        span = integers(start), integers(min(start + _GROUP, pairs)), integers(1)
        masks, quality = _masks(op.slice(logits, *span), rule)
        scores.append(op.mul(op.slice(sureness, *span), quality))
        passes = op.greater_or_equal(scores[-1], op.unsqueeze(threshold, integers(1)))
        painted = op.mul(masks, op.cast(op.unsqueeze(passes, integers(2, 3)), to=np.float32))
        areas.append(_pixels(painted, *seen))
        numbers = np.arange(start + 1, min(start + _GROUP, pairs) + 1, dtype=np.float32)
        last = op.mul(painted, op.const(numbers.reshape(1, -1, 1, 1)))
        top = op.reduce_max(last, integers(1), keepdims=False)
        index = top if index is None else op.max([index, top])
    assert index is not None
    named = op.where(op.less(index, scalar(0.5)), scalar(NOBODY), op.sub(index, scalar(1)))
    whole = op.gather(op.gather(named, lines, axis=1), columns, axis=2)
    return {
        "index": op.cast(whole, to=np.uint8),
        "scores": op.concat(scores, axis=1),
        "labels": labels,
        "areas": op.concat(areas, axis=1),
    }


def _masks(logits: Var, rule: Segmentation) -> tuple[Var, Var]:
    """Masks at the network's size, 0 or 1, and the mean probability in each, [B,n]."""
    height, width = rule.network_size
    large = resized(logits, integers(height), integers(width))
    masks = op.cast(op.greater(large, scalar(0)), to=np.float32)
    total = op.reduce_sum(op.mul(op.sigmoid(large), masks), integers(2, 3), keepdims=False)
    area = op.reduce_sum(masks, integers(2, 3), keepdims=False)
    return masks, op.div(total, op.add(area, scalar(1e-6)))


def _source(size: Var, axis: int, rule: Segmentation) -> Var:
    """int64 [H or W]: which of the network's lines or columns shows in each of the frame's, the nearest.

    In the published code's arithmetic, FP32 included, which differs by one from ONNX's at times.
    """
    length = op.cast(op.slice(size, integers(axis), integers(axis + 1)), to=np.float32)
    available = rule.network_size[axis]
    step = op.div(scalar(available), length)
    end = op.squeeze(op.slice(size, integers(axis), integers(axis + 1)), integers(0))
    order = op.cast(op.range(op.const(0), end, op.const(1)), to=np.float32)
    place = op.floor(op.mul(order, step))
    return op.cast(op.min([place, scalar(available - 1)]), to=np.int64)


def _seen(lines: Var, columns: Var, rule: Segmentation) -> tuple[Var, Var]:
    """float32 [h,1] and [1,w]: in how many of the frame's lines and columns each of the network's shows."""
    counts = []
    for source, length in zip((lines, columns), rule.network_size, strict=True):
        every = op.const(np.arange(length, dtype=np.int64)[None])
        shown = op.cast(op.equal(op.unsqueeze(source, integers(1)), every), to=np.float32)
        counts.append(op.reduce_sum(shown, integers(0), keepdims=False))
    return op.unsqueeze(counts[0], integers(1)), op.unsqueeze(counts[1], integers(0))


def _pixels(masks: Var, lines: Var, columns: Var) -> Var:
    """int32 [B,n]: pixels of the masks at frame size; FP32 counts a line exactly, a frame only int32."""
    along = op.reduce_sum(op.mul(masks, columns), integers(3), keepdims=True)
    each = op.cast(op.mul(along, lines), to=np.int32)
    return op.reduce_sum(each, integers(2, 3), keepdims=False)
