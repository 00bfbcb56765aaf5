"""Before an encoder of pictures: uint8 frame in, its normalised square out."""

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, Var, argument, build

from trt_anime.export.geometry import extent, integers
from trt_anime.export.recipes.pictures import Picture
from trt_anime.export.resampling import matrix, resampled


def picture_graph(picture: Picture) -> onnx.ModelProto:
    """The graph before the network, equal to the published preprocessing but for its rounding.

    In: ``frame`` uint8 [B,H,W,3] RGB. Out: ``image`` float32 [B,3,side,side]; ``size`` int64 [2], H and W.
    A frame whose short side is below `crop` is enlarged, as the published code does.
    """
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    pixels = op.cast(frame, to=np.float32)
    rows, columns = (_matrix(pixels, axis, picture) for axis in (1, 2))
    mean = np.array(picture.mean, np.float32).reshape(1, 3, 1, 1)
    std = np.array(picture.std, np.float32).reshape(1, 3, 1, 1)
    levels = resampled(pixels, rows, columns)
    image = op.div(op.sub(op.div(levels, op.const(np.float32(255))), op.const(mean)), op.const(std))
    return build({"frame": frame}, {"image": image, "size": op.shape(frame, start=1, end=3)})


def _matrix(pixels: Var, axis: int, picture: Picture) -> Var:
    length, resize = extent(pixels, axis), integers(picture.resize)
    if picture.crop is None:
        return matrix(length, resize, picture.kernel, count=picture.resize)
    shortest = op.min([extent(pixels, 1), extent(pixels, 2)])
    target = op.div(op.mul(length, resize), shortest)
    first = op.div(op.sub(target, integers(picture.crop)), integers(2))
    return matrix(length, target, picture.kernel, first=first, count=picture.crop)
