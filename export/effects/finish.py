"""After CLIPSeg: how sure it is of each prompt, at every pixel of the frame."""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, argument, build

from trt_anime.export.geometry import resized, scalar


def heat_graph() -> onnx.ModelProto:
    """The graph after the network.

    In: ``size`` int64 [2], the frame's H and W; ``logits`` float32 [B,P,side,side]. Out: ``heat`` uint8
    [B,P,H,W], 255 times the probability, which is interpolated bilinearly.
    """
    size = argument(Tensor(np.int64, (2,)))
    logits = argument(Tensor(np.float32, ("batch", "prompts", "side", "side")))
    height, width = op.split(size, num_outputs=2, axis=0)
    levels = op.mul(resized(op.sigmoid(logits), height, width), scalar(255))
    heat = op.cast(op.round(levels), to=np.uint8)
    return build({"size": size, "logits": logits}, {"heat": heat})
