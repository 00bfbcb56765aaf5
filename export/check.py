"""Is an exported graph right: can TensorRT-RTX build it, and how far is it from PyTorch?"""

import contextlib
import ctypes
import gc
import secrets
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from trt_anime.errors import ExportError
from trt_anime.export.catalogue import Model
from trt_anime.export.external import folder_aside, is_aside, weights_in_file
from trt_anime.hollow import fill, hollow, weights_of
from trt_anime.limits import unbuildable

if TYPE_CHECKING:
    import torch
    from onnxruntime import InferenceSession

Frames = NDArray[np.uint8]
Values = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]
Graphs = Mapping[str, onnx.ModelProto]


@dataclass(frozen=True)
class Tolerance:
    """What a graph may differ by from its reference, in `unit`."""

    p99: float
    maximum: float
    unit: str

    def __str__(self) -> str:
        return f"p99 {self.p99:g}, max {self.maximum:g} {self.unit}"


# Rounding to 8 bits moves a value by one level; two operator orders inside a network, by a few more.
LEVELS = Tolerance(p99=1.0, maximum=4.0, unit="of 255")


@dataclass(frozen=True)
class Difference:
    """How far two results are apart, in the unit of their tolerance."""

    maximum: float
    p99: float
    mean: float
    tolerance: Tolerance = LEVELS

    @property
    def passed(self) -> bool:
        return self.p99 <= self.tolerance.p99 and self.maximum <= self.tolerance.maximum

    def __str__(self) -> str:
        return f"max {self.maximum:.2g}, p99 {self.p99:.2g}, mean {self.mean:.2g} {self.tolerance.unit}"


@dataclass(frozen=True, eq=False)
class Made:
    """A stage graph, checked node by node.

    Attributes:
        comparison: tells of a model's graphs, all of them, how far this one is from PyTorch, and raises
            ExportError where that is too far; None where it isn't to be compared. What PyTorch computes it
            has as arrays: it is asked when the network is gone.
        weights: a file that the graph's weights are in, for what is too large for one ONNX file; several
            graphs may share it. It is moved beside the graph when that is kept.
    """

    graph: onnx.ModelProto
    comparison: Callable[[Graphs], Difference] | None = None
    weights: Path | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """What PyTorch makes of an example, to hold a graph against.

    Attributes:
        graph: its name.
        feeds: gives the example, which graphs before this one may have a part in.
        expected: by the graph's outputs.
        measure: the difference of an output from the expected one.
    """

    model: Model
    graph: str
    feeds: Callable[[Graphs], Arrays]
    expected: Arrays
    measure: Callable[[NDArray[Any], NDArray[Any]], Difference]

    def __call__(self, graphs: Graphs) -> Difference:
        """The worst output's. Raises ExportError when one differs by more than the tolerance."""
        found = run(graphs[self.graph], self.feeds(graphs), list(self.expected))
        return worst_of(
            [self.measure(one, other) for one, other in zip(found, self.expected.values(), strict=True)],
            self.model,
        )


def difference_of(found: NDArray[Any], expected: NDArray[Any], tolerance: Tolerance = LEVELS) -> Difference:
    """Compare two arrays of one shape."""
    gap = np.abs(found.astype(np.float32, copy=False) - expected.astype(np.float32, copy=False))
    return Difference(float(gap.max()), float(np.percentile(gap, 99)), float(gap.mean()), tolerance)


def apart(found: NDArray[Any], expected: NDArray[Any], tolerance: Tolerance) -> Difference:
    """Compare numbers between which there are no distances: 0 where they are the same, else 1."""
    others = (found != expected).astype(np.float32)
    return difference_of(others, np.zeros_like(others), tolerance)


def check_difference(difference: Difference, model: Model) -> None:
    """Raises ExportError when it is more than the tolerance."""
    if not difference.passed:
        raise ExportError(
            f"{model.name}: the graph differs from PyTorch by {difference} (allowed:"
            f" {difference.tolerance}); it was not kept, please report it"
        )


def worst_of(differences: Sequence[Difference], model: Model) -> Difference:
    """The largest of several outputs'. Raises ExportError when any is more than its tolerance."""
    for difference in differences:  # each: of NaN and others, the others may count as the largest
        check_difference(difference, model)
    return max(differences, key=lambda difference: difference.maximum)


def check_nodes(graph: onnx.ModelProto, model: Model) -> None:
    """Raises ExportError, naming the first node that TensorRT-RTX can't build."""
    problems = unbuildable(graph)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ExportError(f"{model.name}: TensorRT-RTX can't build {problems[0]}{more}")


def torch_network_of(network: onnx.ModelProto) -> "Callable[[torch.Tensor], torch.Tensor]":
    """An ONNX network with one input and one output as a callable of torch tensors."""
    import torch

    session = session_of(network)

    def run(image: "torch.Tensor") -> "torch.Tensor":
        return torch.from_numpy(session.run(None, {"image": image.numpy()})[0])

    return run


def let_go() -> None:
    """Give memory back: networks point at themselves, and the C library keeps what was freed."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # there are others than glibc
            ctypes.CDLL(None).malloc_trim(0)


def run(graph: onnx.ModelProto, feeds: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]]:
    """Outputs of `graph`, on a CPU."""
    found: list[NDArray[Any]] = session_of(graph).run(list(outputs), dict(feeds))
    return found


def session_of(graph: onnx.ModelProto) -> "InferenceSession":
    """ONNX Runtime's, on a CPU.

    Serialized, parsed and packed, the weights would be in memory three times more. So they go through a
    file, which the session maps; those that are aside are in one.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.disable_prepacking", "1")
    with tempfile.TemporaryDirectory() as folder:  # what is mapped stays after it
        place = folder_aside() or Path(folder)
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(place))
        shell, weights = hollow(graph), weights_of(graph)
        aside = [tensor for tensor in weights if is_aside(tensor)]
        own = [tensor for tensor in weights if not is_aside(tensor)]
        fill(shell, [*aside, *weights_in_file(own, place / f"{secrets.token_hex(6)}.weights")])
        return ort.InferenceSession(shell.SerializeToString(), options, providers=["CPUExecutionProvider"])
