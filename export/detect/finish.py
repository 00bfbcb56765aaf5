"""After the network: boxes in pixels of the frame, and how well each fits each token of the prompt."""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, argument, build

from trt_anime.export.detect.prepare import Widths
from trt_anime.export.geometry import integers, scalar
from trt_anime.export.recipes.detect import Detection


def finish_graph(rule: Detection, widths: Widths) -> onnx.ModelProto:
    """The graph after the network.

    In: ``shares`` float32 [B,Q,4], centre and size of boxes, 0..1; ``logits`` float32 [B,Q,T]; ``extent``
    float32 [4] and ``text_valid`` float32 [1,T] of the part before. Out: ``boxes`` float32 [B,Q,4], left,
    top, right, bottom in pixels of the frame; ``tokens`` float32 [B,Q,T], 0..1, 0 where the prompt has no
    token; ``scores`` float32 [B,Q], the largest of those.
    """
    queries, context = widths.queries, rule.context
    shares = argument(Tensor(np.float32, ("batch", queries, 4)))
    logits = argument(Tensor(np.float32, ("batch", queries, context)))
    extent = argument(Tensor(np.float32, (4,)))
    valid = argument(Tensor(np.float32, (1, context)))
    centre, size = op.split(shares, integers(2, 2), axis=2)
    half = op.mul(size, scalar(0.5))
    corners = op.concat([op.sub(centre, half), op.add(centre, half)], axis=2)
    tokens = op.mul(op.sigmoid(logits), op.unsqueeze(valid, integers(1)))
    return build(
        {"shares": shares, "logits": logits, "extent": extent, "text_valid": valid},
        {
            "boxes": op.mul(corners, extent),
            "scores": op.reduce_max(tokens, integers(2), keepdims=False),
            "tokens": tokens,
        },
    )
