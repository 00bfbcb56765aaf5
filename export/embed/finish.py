"""After an encoder: vectors of length 1 in FP16."""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, argument, build

from trt_anime.export.geometry import integers, scalar

_LEAST = 1e-12  # of a length: no direction can be told below it


def vector_graph(depth: int) -> onnx.ModelProto:
    """The graph after the network: ``raw`` float32 [B,depth] -> ``embedding`` float16 [B,depth]."""
    raw = argument(Tensor(np.float32, ("batch", depth)))
    length = op.reduce_l2(raw, integers(1), keepdims=True)
    unit = op.div(raw, op.max([length, scalar(_LEAST)]))
    return build({"raw": raw}, {"embedding": op.cast(unit, to=np.float16)})
