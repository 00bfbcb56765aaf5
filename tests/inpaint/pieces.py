"""What the inpaint tests are made of: small networks, rules, pictures with holes, a way to run graphs."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from tests.matte.pieces import drawings, session_of
from tests.parity.weights import Entry, weight
from trt_anime.export.catalogue import Model, get
from trt_anime.export.inpaint.compose import inpaint_graph
from trt_anime.export.inpaint.lama import onnx_from_lama
from trt_anime.export.inpaint.options import HoleOptions
from trt_anime.export.inpaint.reference import InpaintReference
from trt_anime.export.networks.lama import Lama, LamaShape
from trt_anime.export.recipes.inpaint import Inpainting
from trt_anime.export.recipes.sizes import SizeRule

Frames = NDArray[np.uint8]

SMALL = LamaShape(width=8, halvings=3, blocks=2)

RULES = {
    "stretch": Inpainting(
        size_rule=SizeRule(fit="stretch", side=64, multiple_of=64), mean=0.5, std=0.5, mask="keep_first"
    ),
    "long side": Inpainting(
        size_rule=SizeRule(fit="long_side", side=96, multiple_of=8), mean=0.0, std=1.0, mask="hole_last"
    ),
    "skewed": Inpainting(
        size_rule=SizeRule(fit="long_side", side=120, multiple_of=24), mean=0.3, std=0.2, mask="keep_first"
    ),
}


class Network(nn.Module):
    """One convolution that hears of all four channels."""

    def __init__(self, rule: Inpainting) -> None:
        super().__init__()
        noise = torch.Generator().manual_seed(3)
        self.only = nn.Conv2d(4, 3, 9, padding=4)
        with torch.no_grad():
            self.only.weight.copy_(torch.randn(3, 4, 9, 9, generator=noise) * 0.08)
            self.only.bias = nn.Parameter(torch.full((3,), (0.5 - rule.mean) / rule.std))

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = self.only(image)
        return result


def network_for(rule: Inpainting) -> Network:
    return Network(rule).eval().requires_grad_(False)


def onnx_of(network: Network) -> onnx.ModelProto:
    """The same network as ONNX: `image` [batch,4,h,w] -> `fill` [batch,3,h,w], sizes free."""
    weights = [numpy_helper.from_array(v.numpy(), k.split(".")[1]) for k, v in network.state_dict().items()]
    node = helper.make_node("Conv", ["image", "weight", "bias"], ["fill"], pads=[4, 4, 4, 4])
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 4, "h", "w"])
    fill = helper.make_tensor_value_info("fill", TensorProto.FLOAT, ["batch", 3, "h", "w"])
    graph = helper.make_graph([node], "tiny", [image], [fill], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def lama_with_weights(shape: LamaShape = SMALL) -> Lama:
    """A LaMa whose spectrum matters: scaled as the goldens' weights are."""
    network = Lama(shape).eval().requires_grad_(False)
    state = {
        name: torch.from_numpy(weight(Entry(name, tuple(value.shape), str(value.dtype)[6:], 1.7)))
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(state)
    return network


@cache
def exported_lama() -> onnx.ModelProto:
    """The small one as ONNX; to be left unchanged."""
    return onnx_from_lama(lama_with_weights())


def row(rule: Inpainting, name: str = "migan") -> Model:
    """A catalogue row with another rule."""
    return replace(get(name), recipe=rule)


def graph_for(rule: Inpainting, *, options: HoleOptions | None = None) -> onnx.ModelProto:
    """The stage graph around the tiny network."""
    network = onnx_of(network_for(rule))
    return inpaint_graph(network, row(rule), checkpoint_sha256="0" * 64, licence="MIT", options=options)


def run(session: ort.InferenceSession, frames: Frames, holes: Frames) -> Frames:
    """uint8 [B,H,W,3] RGB and [B,H,W] -> uint8 [B,H,W,3]."""
    outputs: Any = session.run(None, {"frame": frames, "hole": holes})
    plate: Frames = outputs[0]
    return plate


def expected(
    rule: Inpainting, frames: Frames, holes: Frames, *, options: HoleOptions | None = None
) -> Frames:
    """What the PyTorch reference makes of them."""
    with torch.no_grad():
        reference = InpaintReference(network_for(rule), rule, options)
        plate: Frames = reference(torch.from_numpy(frames), torch.from_numpy(holes)).numpy()
    return plate


def soft_disc(height: int, width: int, seed: int = 0) -> Frames:
    """uint8 [H,W]: an ellipse with an edge some pixels wide, and a faint haze that is no hole."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    middle_y, middle_x = rng.uniform(0.3, 0.9, 2) * (height, width)
    radius = np.hypot((y - middle_y) / (0.25 * height + 1), (x - middle_x) / (0.2 * width + 1))
    haze = np.where(x < width / 4, HoleOptions().threshold - 1, 0)
    disc = np.clip((1 - radius) * 0.1 * min(height, width) * 255, 0, 255)
    return np.asarray(np.maximum(disc, haze), np.uint8)


def pictures(batch: int, height: int, width: int) -> tuple[Frames, Frames]:
    """Frames uint8 [B,H,W,3] and holes uint8 [B,H,W], each another."""
    holes = np.stack([soft_disc(height, width, seed) for seed in range(batch)])
    return drawings(batch, height, width), holes


def session_for(rule: str, options: HoleOptions | None = None) -> ort.InferenceSession:
    return session_of(graph_for(RULES[rule], options=options))
