"""After the network: its proposals in, a frame's index and the tables that it points into out.

`index` names a row of the tables, and what a row is depends on the head:

- panoptic: a query. Queries that name an object, and are surer of it than the frame's ``threshold``,
  compete for each pixel with the product of score and mask.
- instance: a pair of query and class, the best ones by score; of those at or above the threshold whose mask
  covers a pixel, the last one has it.
- semantic: a class; that with the most evidence has the pixel, if it is more than ``threshold``. In the
  published code each pixel is some class's, which is a threshold of 0.

These are the rules of `post_process_*_segmentation` in the transformers library, of which the part that
reads pixels is here and the rest, in `trt_anime.runtime.segmentation`, reads tables. The published code
writes its masks at 384x384, the size of its pictures, before it brings them to the frame; here that is the
network's size.
"""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, Var, argument, build

from trt_anime.export.geometry import integers, resized, scalar
from trt_anime.export.recipes.segment import Segmentation
from trt_anime.export.segment.competition import LEAST, best_rows, of_rows, probability, winners, without
from trt_anime.export.segment.instance import instances

_MASK_STRIDE = 4  # the network's masks are that much smaller than its input


def finish_graph(rule: Segmentation) -> onnx.ModelProto:
    """The graph after the network.

    In: ``size`` int64 [2], the frame's H and W; ``class_logits`` float32 [B,Q,C+1], the last one for "no
    object"; ``mask_logits`` float32 [B,Q,h/4,w/4]; ``threshold`` float32 [B], 0..1.

    Out: ``index`` uint8 [B,H,W], a row, 255 for none; ``scores`` float32 [B,R]; ``labels`` int32 [B,R], C
    for "no object"; but for semantic heads ``areas`` int32 [B,R], the pixels of a row's own mask, 0 for a
    row that takes no part, -1 for one that should but found all slots taken. R is Q, or C for semantic
    heads.
    """
    height, width = rule.network_size
    classes, queries = len(rule.labels), rule.queries
    masks = (height // _MASK_STRIDE, width // _MASK_STRIDE)
    size = argument(Tensor(np.int64, (2,)))
    class_logits = argument(Tensor(np.float32, ("batch", queries, classes + 1)))
    mask_logits = argument(Tensor(np.float32, ("batch", queries, *masks)))
    threshold = argument(Tensor(np.float32, ("batch",)))
    merged = {"panoptic": _panoptic, "instance": instances, "semantic": _semantic}[rule.task]
    inputs = {
        "size": size,
        "class_logits": class_logits,
        "mask_logits": mask_logits,
        "threshold": threshold,
    }
    return build(inputs, merged(size, class_logits, mask_logits, threshold, rule))


def _panoptic(
    size: Var, class_logits: Var, mask_logits: Var, threshold: Var, rule: Segmentation
) -> dict[str, Var]:
    chances = op.softmax(class_logits, axis=2)
    scores = op.reduce_max(chances, integers(2), keepdims=False)
    labels = op.cast(op.arg_max(chances, axis=2, keepdims=False), to=np.int32)
    named = op.less(labels, op.const(np.int32(len(rule.labels))))
    candidate = op.and_(named, op.greater(scores, op.unsqueeze(threshold, integers(1))))
    rows = best_rows(op.where(candidate, scores, scalar(-1)), rule.queries, rule.slots)
    height, width = rule.network_size
    logits = resized(of_rows(mask_logits, rows, rule.queries), integers(height), integers(width))
    absent = op.not_(of_rows(candidate, rows, rule.queries))
    planes = without(probability(logits), absent)
    weights = op.where(absent, scalar(1), of_rows(scores, rows, rule.queries))
    index, counted = winners(
        planes, weights, rows, size, floor=scalar(LEAST), counted_from=rule.mask_threshold
    )
    assert counted is not None
    areas = (
        counted if rows.slots == rule.queries else _spread(counted, rows.numbers, candidate, rule.queries)
    )
    return {"index": index, "scores": scores, "labels": labels, "areas": areas}


def _spread(areas: Var, numbers: Var, candidate: Var, queries: int) -> Var:
    """int32 [B,Q] of [B,S]: the areas under their rows' numbers, and -1 for candidates left out."""
    every = op.const(np.arange(queries, dtype=np.int64).reshape(1, 1, queries))
    here = op.cast(op.equal(op.unsqueeze(numbers, integers(2)), every), to=np.int32)
    placed = op.reduce_sum(op.mul(here, op.unsqueeze(areas, integers(2))), integers(1), keepdims=False)
    kept = op.reduce_sum(here, integers(1), keepdims=False)
    wanted = op.cast(candidate, to=np.int32)
    return op.sub(placed, op.mul(wanted, op.sub(op.const(np.int32(1)), kept)))


def _semantic(
    size: Var, class_logits: Var, mask_logits: Var, threshold: Var, rule: Segmentation
) -> dict[str, Var]:
    height, width = rule.network_size
    classes = len(rule.labels)
    chances = op.slice(op.softmax(class_logits, axis=2), integers(0), integers(classes), integers(2))
    masks = probability(resized(mask_logits, integers(height), integers(width)))
    flat = op.matmul(op.transpose(chances, perm=[0, 2, 1]), op.reshape(masks, integers(0, 0, -1)))
    most = op.reduce_max(flat, integers(1), keepdims=True)
    # How near a class comes to winning a pixel: 0 where it does.
    rank = op.reduce_max(op.sub(flat, most), integers(2), keepdims=False)
    rows = best_rows(rank, classes, rule.slots)
    evidence = op.reshape(of_rows(flat, rows, classes), integers(0, 0, height, width))
    floor = op.unsqueeze(threshold, integers(1, 2, 3))
    index, _ = winners(evidence, None, rows, size, floor=floor, counted_from=None)
    scores = op.reduce_max(flat, integers(2), keepdims=False)
    labels = op.expand(op.const(np.arange(classes, dtype=np.int32)[None]), op.shape(scores))
    return {"index": index, "scores": scores, "labels": labels}
