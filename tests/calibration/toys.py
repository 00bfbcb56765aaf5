"""Stage graphs whose matte is where the frame is bright, some with a layer that a precision can't take."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from spox import Tensor, Var, argument, build

from trt_anime.stage import StageInfo

op: Any = importlib.import_module("spox.opset.ai.onnx.v20")  # its names come by `import *`: untyped

Flaw = Literal["none", "int8", "fp16", "overflow", "hopeless"]
Frame = NDArray[np.uint8]
Layer = tuple[NDArray[np.float32], NDArray[np.float32]]

INFO = StageInfo(
    stage="matte",
    model="toy",
    checkpoint_sha256="0" * 64,
    licence="MIT",
    size_rule="stretch to 32x32",
    output_ranges={"rgba": (0.0, 255.0)},
    network_size=(32, 32),
)
SIDE = 4  # channels of every layer
LARGE = 1000.0


def bright_matte(flaw: Flaw = "none") -> onnx.ModelProto:
    """`frame` u8 [batch, height, width, 3] RGB -> `rgba` u8 [batch, height, width, 4].

    Five convolutions, ``net/Conv_0`` to ``net/Conv_4``, at 32 x 32. Flaws:

    - ``int8``: in Conv_2, weights of 1000 that cancel stand beside the 1 that matters: it becomes 0.
    - ``hopeless``: so do all layers from Conv_1 on.
    - ``fp16``: Conv_2 adds 400 and Conv_3 takes it away; between them, FP16 has steps of a quarter.
    - ``overflow``: Conv_2 multiplies by 1e6, Conv_3 divides.
    """
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    planes = op.transpose(op.cast(frame, to=np.float32), perm=[0, 3, 1, 2])
    small = op.mul(_resized(planes, op.const([32, 32])), op.const(np.float32(1 / 255)))
    *inner, last = _layers(flaw)
    value = small
    for weights, bias in inner:
        value = op.relu(_conv(value, weights, bias))
    alpha = _resized(op.sigmoid(_conv(value, *last)), op.shape(planes, start=2))
    rgba = op.concat([planes, op.mul(alpha, op.const(np.float32(255)))], axis=1)
    rgba = op.cast(op.round(op.transpose(rgba, perm=[0, 2, 3, 1])), to=np.uint8)
    model = build({"frame": frame}, {"rgba": rgba})
    _describe(model)
    return model


def soft_matte() -> onnx.ModelProto:
    """`rgba` of `bright_matte` -> `soft` f32 [batch, 1, height, width]: its alpha through a box filter."""
    rgba = argument(Tensor(np.uint8, ("batch", "height", "width", 4)))
    alpha = op.slice(op.cast(rgba, to=np.float32), op.const([3]), op.const([4]), op.const([3]))
    unit = op.mul(op.transpose(alpha, perm=[0, 3, 1, 2]), op.const(np.float32(1 / 255)))
    box = np.full((1, 1, 3, 3), 1 / 9, np.float32)
    model = build({"rgba": rgba}, {"soft": _conv(unit, box, np.zeros(1, np.float32))})
    shape: list[str | int | None] = ["batch", 1, "height", "width"]
    soft = onnx.helper.make_tensor_value_info("soft", onnx.TensorProto.FLOAT, shape)
    model.graph.output[0].CopyFrom(soft)
    info = replace(INFO, stage="soft", output_ranges={})
    onnx.helper.set_model_props(model, info.to_metadata())
    for node in model.graph.node:
        node.name = f"{'net' if node.op_type == 'Conv' else 'pre'}/{node.name}"
    return model


def bright_frames(count: int, *, height: int = 48, width: int = 64, seed: int = 0) -> list[Frame]:
    """A bright disc that wanders over a dark ground, uint8 [height,width,3] each; no two alike."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        frame = np.full((height, width, 3), random.integers(10, 60, 3), np.uint8)
        middle = (8 + 9 * number % (width - 16), height // 2 + number % 5)
        colour = tuple(int(level) for level in random.integers(200, 256, 3))
        cv2.circle(frame, middle, height // 4, colour, -1, cv2.LINE_AA)
        found.append(frame)
    return found


def saved(model: onnx.ModelProto, folder: Path, name: str = "bright.onnx") -> Path:
    path = folder / name
    onnx.save(model, path)
    return path


def folder_of(frames: list[Frame], folder: Path) -> Path:
    """Frames as a folder of PNG files."""
    folder.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{number:03}.png"), np.ascontiguousarray(frame[..., ::-1]))
    return folder


def _layers(flaw: Flaw) -> list[Layer]:
    """Weights [out,in,k,k] and biases of each convolution; layers but the last keep values within 0..1."""
    random = np.random.default_rng(0)
    layers = [
        _layer(_average(random, SIDE, 3, 3)),
        *(_layer(_average(random, SIDE, SIDE, 1)) for _ in range(3)),
        _layer(_average(random, 1, SIDE, 1) * 24, bias=-12.0),
    ]
    if flaw in ("int8", "hopeless"):
        for number in (2,) if flaw == "int8" else (1, 2, 3):
            before, here = layers[number - 1][0], layers[number][0]
            before[2] = before[1]  # two channels that are the same ...
            here[:] = 0
            here[:, 0], here[:, 1], here[:, 2] = 1, LARGE, -LARGE  # ... and cancel
    if flaw == "fp16":
        layers[2], layers[3] = _layer(layers[2][0], bias=400.0), _layer(layers[3][0], bias=-400.0)
    if flaw == "overflow":
        layers[2], layers[3] = _layer(layers[2][0] * 1e6), _layer(layers[3][0] / 1e6)
    return layers


def _layer(weights: NDArray[np.float32], bias: float = 0.0) -> Layer:
    return weights.astype(np.float32), np.full(len(weights), bias, np.float32)


def _average(random: np.random.Generator, outputs: int, inputs: int, side: int) -> NDArray[np.float32]:
    weights = random.uniform(0.2, 1, (outputs, inputs, side, side))
    return np.asarray(weights / weights.sum(axis=(1, 2, 3), keepdims=True), np.float32)


def _conv(value: Var, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> Var:
    margin = weights.shape[-1] // 2
    result: Var = op.conv(value, op.const(weights), op.const(bias), pads=[margin] * 4)
    return result


def _resized(planes: Var, size: Var) -> Var:
    sizes = op.concat([op.shape(planes, end=2), size], axis=0)
    result: Var = op.resize(planes, sizes=sizes, mode="linear")
    return result


def _describe(model: onnx.ModelProto) -> None:
    """Metadata, names by which the network is told, and the output's shape."""
    onnx.helper.set_model_props(model, INFO.to_metadata())
    shape: list[str | int | None] = ["batch", "height", "width", 4]
    rgba = onnx.helper.make_tensor_value_info("rgba", onnx.TensorProto.UINT8, shape)
    model.graph.output[0].CopyFrom(rgba)
    place = "pre/"
    for node in model.graph.node:
        if node.op_type == "Conv":
            place = "net/"
        elif node.op_type == "Sigmoid":
            place = "post/"
        node.name = place + node.name
