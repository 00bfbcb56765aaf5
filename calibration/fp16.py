"""The network in half precision, by ModelOpt's AutoCast.

TensorRT-RTX and TensorRT 11 take precision from the graph alone: it is written as casts.
"""

import logging
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto
from onnx.numpy_helper import from_array

from trt_anime.calibration.casting import element_types
from trt_anime.calibration.ranges import Inputs, Reaches
from trt_anime.errors import EngineError, MissingError
from trt_anime.hollow import fill, hollow, weights_of

Array = NDArray[Any]

# Above it a step of FP16 is half a unit and more: nodes with such values stay in FP32.
LARGEST_VALUE = 512.0
MOST_FRAMES = 3


def fp16_from_fp32(
    network: onnx.ModelProto, *, islands: Collection[str] = (), inputs: Inputs | None = None
) -> onnx.ModelProto:
    """The same network in FP16; inputs and outputs stay FP32, behind casts.

    FP32 stay the nodes named in `islands`, nodes that ONNX doesn't define for FP16, nodes that read
    constants beyond FP16 and, where `inputs` are given, nodes that read or give values above
    `LARGEST_VALUE` on them. Q/DQ that is in the network stays. AutoCast doesn't see the weights, of which
    it would make ten copies.

    Args:
        network: as `network_of` gives it, or the same with Q/DQ.
        inputs: of the network, for real frames; the first `MOST_FRAMES` are used. None: no node is kept
            for its values.

    Raises:
        EngineError: AutoCast refuses the network, or its result isn't valid ONNX.
        MissingError: ModelOpt isn't installed.
    """
    convert = _autocast()
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in weights_of(network)}
    with tempfile.TemporaryDirectory() as name, _silence():
        path = Path(name) / "network.onnx"
        onnx.save(hollow(network), path)
        try:
            kept = {*islands, *_too_large(network, weights, inputs or ())}
            typed: onnx.ModelProto = convert(
                str(path),
                nodes_to_exclude=[f"{re.escape(node)}$" for node in kept],
                keep_io_types=True,
                data_max=np.inf,
            )
            onnx.checker.check_model(typed, full_check=True)
        except Exception as error:  # AutoCast raises bare ones, the checker its own
            line = " ".join(str(error).split())[:300]
            raise EngineError(f"FP16: AutoCast can't type the network ({line})") from error
    _put_back(typed, weights)
    return typed


def _too_large(network: onnx.ModelProto, weights: Mapping[str, Array], inputs: Inputs) -> list[str]:
    """Nodes that read or give what FP16 is too small or too coarse for."""
    most = np.finfo(np.float16).max
    large = {
        name for name, values in weights.items() if values.dtype == np.float32 and _reach(values) > most
    }
    if inputs:
        reaches = Reaches(hollow(network), _floating(network))
        for frame in inputs[:MOST_FRAMES]:
            found = reaches.of({**frame, **weights})
            large |= {name for name, reach in found.items() if reach > LARGEST_VALUE}
    return [node.name for node in network.graph.node if not large.isdisjoint((*node.input, *node.output))]


def _floating(network: onnx.ModelProto) -> list[str]:
    """Names of the FP32 values that nodes give, and of the network's inputs."""
    graph = onnx.shape_inference.infer_shapes(hollow(network), data_prop=True).graph
    single = {
        value.name
        for value in (*graph.value_info, *graph.output)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    made = [name for node in graph.node for name in node.output if name in single]
    return made + [
        value.name for value in network.graph.input if value.type.tensor_type.elem_type == TensorProto.FLOAT
    ]


def _reach(values: Array) -> float:
    return max(float(values.max(initial=0)), -float(values.min(initial=0)))


def _put_back(typed: onnx.ModelProto, weights: Mapping[str, Array]) -> None:
    """The weights, in FP16 where they are read so, in place of the inputs that stood for them."""
    inner: dict[str, str] = {}
    nodes = []
    for node in typed.graph.node:
        if node.op_type == "Cast" and node.input[0] in weights:
            inner[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    halves = {name: f"{name}/half" for name in inner.values()}
    for node in nodes:
        node.input[:] = [halves[inner[name]] if name in inner else name for name in node.input]
    del typed.graph.node[:]
    typed.graph.node.extend(nodes)
    with np.errstate(over="ignore"):
        tensors = [from_array(weights[name].astype(np.float16), half) for name, half in halves.items()]
    fill(typed, [*tensors, *(from_array(values, name) for name, values in weights.items())])


def nodes_in_fp32(typed: onnx.ModelProto) -> tuple[str, ...]:
    """The nodes that compute in FP32, in the graph's order; casts, constants and Q/DQ aside."""
    types = element_types(typed)
    aside = ("Cast", "Constant", "QuantizeLinear", "DequantizeLinear")
    return tuple(
        node.name
        for node in typed.graph.node
        if node.op_type not in aside and types.get(node.output[0]) == TensorProto.FLOAT
    )


def _autocast() -> Callable[..., Any]:
    with _silence():
        try:
            from modelopt.onnx.autocast.convert import convert_to_mixed_precision
            from onnx_graphsurgeon.logger import G_LOGGER
        except ImportError as error:
            raise MissingError(
                f"FP16 and INT8 for TensorRT need pip install 'trt-anime[calibration]' ({error})"
            ) from error
    G_LOGGER.severity = G_LOGGER.ERROR  # it prints its warnings
    return convert_to_mixed_precision  # type: ignore[no-any-return]


@contextmanager
def _silence() -> Iterator[None]:
    """ModelOpt logs on import and on every call, and it speaks of opsets that we chose on purpose."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with np.errstate(over="ignore"):  # a mask's -1e30 becomes minus infinity, which it stands for
            yield
    finally:
        logging.disable(before)
