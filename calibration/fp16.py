"""The network in half precision, by ModelOpt's AutoCast.

TensorRT-RTX and TensorRT 11 take precision from the graph alone: it is written as casts.
"""

import logging
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from trt_anime.calibration.casting import element_types
from trt_anime.calibration.ranges import Inputs
from trt_anime.errors import EngineError, MissingError

# Above it a step of FP16 is half a unit and more: AutoCast keeps nodes with such values in FP32.
LARGEST_VALUE = 512.0
# AutoCast keeps every value of the network of each frame for a moment: as many frames as fit into these
# bytes, and no more than that.
MOST_BYTES = 2_000_000_000
MOST_FRAMES = 3


def fp16_from_fp32(
    network: onnx.ModelProto, *, islands: Collection[str] = (), inputs: Inputs | None = None
) -> onnx.ModelProto:
    """The same network in FP16; inputs and outputs stay FP32, behind casts.

    FP32 stay the nodes named in `islands`, nodes that ONNX doesn't define for FP16 and, where `inputs` are
    given, nodes that read or give values above `LARGEST_VALUE` on them. Q/DQ that is in the network stays.

    Args:
        network: as `network_of` gives it, or the same with Q/DQ.
        inputs: of the network, for real frames; the first `MOST_FRAMES` are used, fewer where their values
            fill the memory. None, or none that fits: no node is kept for its values.

    Raises:
        EngineError: AutoCast refuses the network, or its result isn't valid ONNX.
        MissingError: ModelOpt isn't installed.
    """
    convert = _autocast()
    with tempfile.TemporaryDirectory() as name, _silence():
        folder = Path(name)
        onnx.save(network, folder / "network.onnx")
        options: dict[str, Any] = {"data_max": np.inf}
        if inputs and (count := frames_that_fit(network, inputs[0])):
            frames = _written(inputs[:count], folder / "inputs")
            options = {"data_max": LARGEST_VALUE, "calibration_data": str(frames)}
        try:
            typed: onnx.ModelProto = convert(
                str(folder / "network.onnx"),
                nodes_to_exclude=[f"{re.escape(node)}$" for node in islands],
                keep_io_types=True,
                **options,
            )
            onnx.checker.check_model(typed, full_check=True)
        except Exception as error:  # AutoCast raises bare ones, the checker its own
            line = " ".join(str(error).split())[:300]
            raise EngineError(f"FP16: AutoCast can't type the network ({line})") from error
    return typed


def frames_that_fit(network: onnx.ModelProto, inputs: Mapping[str, Any]) -> int:
    """How many frames' values fit into `MOST_BYTES`, of `MOST_FRAMES`; values of unknown size don't count.

    Args:
        inputs: of one frame.
    """
    model = onnx.ModelProto()
    model.CopyFrom(network)
    del model.graph.value_info[:]  # was inferred for a free size
    for value in model.graph.input:
        for dimension, size in zip(value.type.tensor_type.shape.dim, inputs[value.name].shape, strict=True):
            dimension.dim_value = size
    values = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info
    sizes = (prod(dim.dim_value for dim in value.type.tensor_type.shape.dim) for value in values)
    size_bytes: int = 4 * sum(sizes)
    return min(MOST_FRAMES, MOST_BYTES // max(size_bytes, 1))


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


def _written(inputs: Sequence[Any], folder: Path) -> Path:
    folder.mkdir()
    for number, arrays in enumerate(inputs):
        np.savez(folder / f"{number:04}.npz", **arrays)
    return folder


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
