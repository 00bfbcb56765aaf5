"""Is the exported graph right: can TensorRT-RTX build it, and does it compute what PyTorch computes?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from trt_anime.errors import ExportError
from trt_anime.export.catalogue import Model
from trt_anime.limits import unbuildable

if TYPE_CHECKING:
    import torch
    from onnxruntime import InferenceSession

Frames = NDArray[np.uint8]

# Rounding to 8 bits moves a value by one level; two operator orders inside a network, by a few more.
P99_TOLERANCE = 1.0
MAX_TOLERANCE = 4.0

_HEIGHT, _WIDTH = 403, 517  # no whole number of tiles, and more of them than are always refined


@dataclass(frozen=True)
class Difference:
    """How far two results are apart, in levels of 0..255."""

    maximum: float
    p99: float
    mean: float

    @property
    def passed(self) -> bool:
        return self.p99 <= P99_TOLERANCE and self.maximum <= MAX_TOLERANCE

    def __str__(self) -> str:
        return f"max {self.maximum:.0f}, p99 {self.p99:.2f}, mean {self.mean:.4f} of 255"


def difference(found: Frames, expected: Frames) -> Difference:
    """Compare two uint8 RGBA arrays, colour premultiplied: where alpha is 0 it means nothing."""
    gap = np.abs(_premultiplied(found) - _premultiplied(expected))
    return Difference(float(gap.max()), float(np.percentile(gap, 99)), float(gap.mean()))


def _premultiplied(rgba: Frames) -> NDArray[np.float32]:
    result = rgba.astype(np.float32)
    result[..., :3] *= result[..., 3:] / 255
    return result


def check_nodes(graph: onnx.ModelProto, model: Model) -> None:
    """Raises ExportError, naming the first node that TensorRT-RTX can't build."""
    problems = unbuildable(graph)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ExportError(f"{model.name}: TensorRT-RTX can't build {problems[0]}{more}")


def compare_with_torch(graph: onnx.ModelProto, model: Model, network: Callable[..., object]) -> Difference:
    """Run the graph and the PyTorch reference on two test frames.

    Args:
        network: a torch module, float32 [B,3,h,w] -> [B,1,h,w], as in `MatteReference`.

    Raises ExportError when they differ by more than the tolerance. Needs torch.
    """
    import torch

    from trt_anime.export.matte.reference import MatteReference

    frames = example_frames()
    with torch.no_grad():
        expected = MatteReference(network, model.preprocess)(torch.from_numpy(frames)).numpy()  # type: ignore[arg-type]
    result = difference(_run(graph, {"frame": frames}), expected)
    if not result.passed:
        raise ExportError(
            f"{model.name}: the graph differs from PyTorch by {result} (allowed: p99 {P99_TOLERANCE:.0f},"
            f" max {MAX_TOLERANCE:.0f}); it was not kept, please report it"
        )
    return result


def torch_network_of(network: onnx.ModelProto) -> Callable[..., object]:
    """An ONNX network as the callable that `compare_with_torch` takes."""
    import torch

    session = _session(network)

    def run(image: "torch.Tensor") -> "torch.Tensor":
        return torch.from_numpy(session.run(None, {"image": image.numpy()})[0])

    return run


def example_frames() -> Frames:
    """uint8 [2,H,W,3]: a light figure with thin lines on a noisy gradient, and its mirror image."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
    picture = np.stack([40 + 0.4 * y, 90 + 0.2 * x, 160 - 0.3 * y], axis=-1) + rng.normal(
        0, 6, (_HEIGHT, _WIDTH, 1)
    )
    body = ((x - 180) / 60) ** 2 + ((y - 140) / 90) ** 2 < 1
    picture[body] = (235, 190, 170)
    strands = (np.abs((x + 0.7 * y) % 40 - 20) < 0.8) & (y < 120) & (x > 110) & (x < 250)
    picture[strands] = (40, 20, 30)
    frame = np.clip(picture, 0, 255).astype(np.uint8)
    return np.stack([frame, frame[:, ::-1]])


def _run(graph: onnx.ModelProto, feeds: dict[str, Frames]) -> Frames:
    outputs: Any = _session(graph).run(None, feeds)
    result: Frames = outputs[0]
    return result


def _session(graph: onnx.ModelProto) -> "InferenceSession":
    import onnxruntime as ort

    return ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
