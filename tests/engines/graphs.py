"""Small stage graphs with everything in them that real ones have."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from spox import Tensor, Var, argument, build

from trt_anime.calibration.fp16 import fp16_from_fp32
from trt_anime.calibration.network import network_of, with_network
from trt_anime.stage import StageInfo

op: Any = importlib.import_module("spox.opset.ai.onnx.v20")  # its names come by `import *`: untyped

INFO = StageInfo(
    stage="matte",
    model="toy",
    checkpoint_sha256="0" * 64,
    licence="MIT",
    size_rule="stretch to 16x16",
    output_ranges={"rgba": (0.0, 255.0)},
)
TILE = 8


def stage_graph(*, matmul: bool = False) -> onnx.ModelProto:
    """`frame` u8 [batch, height, width, 3] RGB -> `rgba` u8 [batch, height, width, 4].

    Height and width are multiples of 8. A convolution makes alpha at 16 x 16; the quarter of the
    8 x 8 tiles that are brightest is inverted, through TopK, Gather and ScatterND.
    """
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    planes = op.transpose(op.cast(frame, to=np.float32), perm=[0, 3, 1, 2])
    small = _resized(planes, op.const([16, 16]))
    third = op.const(np.float32(1 / 3))  # used inside the network and after it; FP16 would round it
    logits = _network(op.mul(small, op.const(np.float32(1 / 255))), third, matmul)
    alpha = _resized(op.sigmoid(logits), op.shape(planes, start=2))
    alpha = op.mul(op.div(_brightest_inverted(alpha), third), op.const(np.float32(85)))
    rgba = op.transpose(op.concat([planes, alpha], axis=1), perm=[0, 2, 3, 1])
    rgba = op.clip(op.round(rgba), op.const(np.float32(0)), op.const(np.float32(255)))
    model = build({"frame": frame}, {"rgba": op.cast(rgba, to=np.uint8)})
    _describe(model)
    return model


def half_graph(*, matmul: bool = False) -> onnx.ModelProto:
    """`stage_graph` with its network in FP16."""
    stage = stage_graph(matmul=matmul)
    return with_network(stage, fp16_from_fp32(network_of(stage)))


def small_network() -> onnx.ModelProto:
    """A network to put into the real stage graph: `image` f32 [batch, 3, 320, 320] -> `map` f32, 0 to 1."""
    image = argument(Tensor(np.float32, ("batch", 3, 320, 320)))
    kernel = op.const(np.full((1, 3, 3, 3), 0.05, np.float32))
    return build({"image": image}, {"map": op.sigmoid(op.conv(image, kernel, pads=[1, 1, 1, 1]))})


def unsupported_graph() -> onnx.ModelProto:
    """A stage graph with NonZero, which TensorRT-RTX hasn't."""
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    found = op.non_zero(op.cast(frame, to=np.float32))
    total = op.cast(op.reduce_sum(found, keepdims=True), to=np.float32)
    rgba = op.add(op.expand(total, op.shape(frame)), op.cast(frame, to=np.float32))
    model = build({"frame": frame}, {"rgba": op.cast(rgba, to=np.uint8)})
    _describe(model)
    return model


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "toy.onnx"
    onnx.save(model, path)
    return path


def frames(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """u8 [count, height, width, 3], noise."""
    return np.random.default_rng(7).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def _network(planes: Var, scale: Var, matmul: bool) -> Var:
    random = np.random.default_rng(0)
    one = random.standard_normal((8, 3, 3, 3)).astype(np.float32) / 4
    two = random.standard_normal((1, 8, 1, 1)).astype(np.float32) / 4
    hidden = op.relu(op.conv(planes, op.const(one), pads=[1, 1, 1, 1]))
    hidden, _ = op.max_pool(hidden, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    if matmul:
        hidden = op.matmul(hidden, op.const(np.eye(16, dtype=np.float32)))
    logits: Var = op.mul(op.conv(hidden, op.const(two)), scale)
    return logits


def _resized(planes: Var, size: Var) -> Var:
    sizes = op.concat([op.shape(planes, end=2), size], axis=0)
    result: Var = op.resize(planes, sizes=sizes, mode="linear")
    return result


def _brightest_inverted(alpha: Var) -> Var:
    shape = op.shape(alpha)
    one, minus_one, tile = op.const([1]), op.const([-1]), op.const([TILE])
    batch, height, width = (op.gather(shape, op.const([axis])) for axis in (0, 2, 3))
    rows, columns = op.div(height, tile), op.div(width, tile)
    count = op.mul(rows, columns)
    grid = op.reshape(alpha, op.concat([batch, rows, tile, columns, tile], axis=0))
    tiles = op.reshape(op.transpose(grid, perm=[0, 1, 3, 2, 4]), op.const([-1, TILE * TILE]))
    scores = op.reshape(op.reduce_max(tiles, one, keepdims=False), op.concat([batch, count], axis=0))
    _, chosen = op.top_k(scores, op.div(count, op.const([4])), axis=1)
    first = op.mul(op.range(op.const(0), op.squeeze(batch), op.const(1)), op.squeeze(count))
    flat = op.reshape(op.add(chosen, op.unsqueeze(first, one)), minus_one)
    inverted = op.sub(op.const(np.float32(1)), op.gather(tiles, flat, axis=0))
    tiles = op.scatter_nd(tiles, op.unsqueeze(flat, one), inverted)
    grid = op.reshape(tiles, op.concat([batch, rows, columns, tile, tile], axis=0))
    result: Var = op.reshape(op.transpose(grid, perm=[0, 1, 3, 2, 4]), shape)
    return result


def _describe(model: onnx.ModelProto) -> None:
    """Metadata, and the names by which the network is told from what surrounds it."""
    onnx.helper.set_model_props(model, INFO.to_metadata())
    place = "pre/"
    for node in model.graph.node:
        if node.op_type == "Conv":
            place = "net/"
        elif node.op_type == "Sigmoid":
            place = "post/"
        node.name = place + node.name
