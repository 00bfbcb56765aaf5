"""What the matte tests are made of: a tiny network twice, rules, pictures, and a way to run graphs."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from trt_anime.export.catalogue import Model, get
from trt_anime.export.matte.compose import matte_graph
from trt_anime.export.matte.options import RefineOptions
from trt_anime.export.matte.reference import MatteReference
from trt_anime.export.recipes.matte import Preprocess
from trt_anime.export.recipes.sizes import SizeRule

Frames = NDArray[np.uint8]

SIDE = 64


def _rule(
    fit: Literal["stretch", "letterbox", "short_side"],
    scale: Literal["image_max", "255"],
    output: Literal["min_max", "sigmoid", "none"],
) -> Preprocess:
    return Preprocess(
        size_rule=SizeRule(fit=fit, side=SIDE, multiple_of=16),
        resample="linear",
        scale=scale,
        mean=(0.5, 0.4, 0.6),
        std=(0.25, 0.2, 0.3),
        output=output,
    )


RULES = {
    "stretch": _rule("stretch", "image_max", "min_max"),
    "short side": _rule("short_side", "255", "none"),
    "letterbox": _rule("letterbox", "255", "none"),
    "logits": _rule("stretch", "255", "sigmoid"),
}


class Network(nn.Module):
    """Two convolutions: random, steep enough that the map has edges.

    What it gives suits `output`: a map, its logit, or for ``min_max`` a map from 0.25 to 0.75.
    """

    def __init__(self, output: str, *, gain: float = 4.0) -> None:
        super().__init__()
        noise = torch.Generator().manual_seed(3)
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 1, 3, padding=1)
        self.output = output
        with torch.no_grad():
            self.first.weight.copy_(torch.randn(4, 3, 3, 3, generator=noise) * 0.1 + 0.1)
            self.first.bias = nn.Parameter(torch.tensor([0.5, -0.5, 0.0, 1.0]))
            self.second.weight.copy_(torch.randn(1, 4, 3, 3, generator=noise) * gain / 20 + gain / 10)
            self.second.bias = nn.Parameter(torch.tensor([-3.0 * gain]))

    def forward(self, image: Tensor) -> Tensor:
        value: Tensor = self.second(self.first(image).relu())
        if self.output == "sigmoid":
            return value
        matte = value.sigmoid()
        return matte * 0.5 + 0.25 if self.output == "min_max" else matte


def network_for(rule: Preprocess, *, gain: float = 4.0) -> Network:
    """The torch twin that suits `rule`."""
    return Network(rule.output, gain=gain).eval().requires_grad_(False)


def onnx_of(network: Network) -> onnx.ModelProto:
    """The same network as ONNX, written by hand: `image` [batch,3,h,w] -> `map`, sizes free."""
    weights = [
        numpy_helper.from_array(value.numpy(), name.replace(".", "_"))
        for name, value in network.state_dict().items()
    ]
    pads = [1, 1, 1, 1]
    tail = {"sigmoid": ["Identity"], "none": ["Sigmoid"], "min_max": ["Sigmoid", "Mul", "Add"]}
    weights += [numpy_helper.from_array(np.array(value, np.float32), str(value)) for value in (0.5, 0.25)]
    nodes = [
        helper.make_node("Conv", ["image", "first_weight", "first_bias"], ["sum"], pads=pads),
        helper.make_node("Relu", ["sum"], ["hidden"]),
        helper.make_node("Conv", ["hidden", "second_weight", "second_bias"], ["logit"], pads=pads),
    ]
    last = "logit"
    for kind in tail[network.output]:
        more = {"Mul": ["0.5"], "Add": ["0.25"]}.get(kind, [])
        nodes.append(helper.make_node(kind, [last, *more], [kind]))
        last = kind
    nodes[-1].output[0] = "map"
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, "h", "w"])
    matte = helper.make_tensor_value_info("map", TensorProto.FLOAT, ["batch", 1, "h", "w"])
    graph = helper.make_graph(nodes, "tiny", [image], [matte], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def row(rule: Preprocess) -> Model:
    """A catalogue row with another rule."""
    return replace(get("u2netp"), recipe=rule)


def graph_for(
    rule: Preprocess, *, options: RefineOptions | None = None, gain: float = 4.0
) -> onnx.ModelProto:
    """The stage graph around the tiny network."""
    network = onnx_of(network_for(rule, gain=gain))
    return matte_graph(network, row(rule), checkpoint_sha256="0" * 64, licence="MIT", options=options)


def session_of(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def first_output(session: ort.InferenceSession, **feeds: NDArray[Any]) -> NDArray[Any]:
    """Run it; the arrays by input name."""
    outputs: Any = session.run(None, feeds)
    result: NDArray[Any] = outputs[0]
    return result


def run(session: ort.InferenceSession, frames: Frames) -> Frames:
    """uint8 [B,H,W,3] RGB -> uint8 [B,H,W,4]."""
    return first_output(session, frame=frames)


def expected(
    rule: Preprocess, frames: Frames, *, options: RefineOptions | None = None, gain: float = 4.0
) -> Frames:
    """What the PyTorch reference makes of `frames`."""
    with torch.no_grad():
        reference = MatteReference(network_for(rule, gain=gain), rule, options)
        result: Frames = reference(torch.from_numpy(frames)).numpy()
    return result


def drawing(height: int, width: int, seed: int = 0) -> Frames:
    """uint8 [H,W,3]: light flat shapes with dark strands before a darker noisy gradient."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    slope = np.stack([30 + 60 * y / height, 60 + 50 * x / width, 90 - 50 * y / height], axis=-1)
    picture = slope + rng.normal(0, 6, (height, width, 1))
    for _ in range(4):
        middle_y, middle_x = rng.uniform(0.1, 0.9, 2) * (height, width)
        radius_y, radius_x = rng.uniform(0.1, 0.35, 2) * (height, width) + 1
        inside = ((y - middle_y) / radius_y) ** 2 + ((x - middle_x) / radius_x) ** 2 < 1
        picture[inside] = rng.uniform((200, 180, 190), 255)
    strands = np.abs((x + 0.7 * y) % 90 - 45) < 1
    picture[strands] *= 0.5
    return np.clip(picture, 0, 255).astype(np.uint8)


def drawings(batch: int, height: int, width: int) -> Frames:
    """uint8 [B,H,W,3], each picture another."""
    return np.stack([drawing(height, width, seed) for seed in range(batch)])
