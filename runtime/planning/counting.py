"""Operations and bytes of a stage graph, counted in a dry run.

Sizes within a graph follow from the frame's by arithmetic in the graph itself. So it is run once, as it is,
and ONNX Runtime tells for each operator the shapes that came and went.
"""

import json
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import EngineError, InputError
from trt_anime.runtime.operations import is_product, operations
from trt_anime.runtime.planning.costs import Cost, Kind, Work
from trt_anime.runtime.sessions import ort
from trt_anime.stage import SIZE, StageInfo

# An operator that holds less than this computes sizes, not pixels, and engines do it when they are built.
_LEAST_BYTES = 4096

_FUSED = frozenset(
    """
    Abs Add And BatchNormalization Cast Ceil Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater
    GreaterOrEqual HardSigmoid HardSwish LeakyRelu Less LessOrEqual Log Max Min Mul Neg Not Or Pow
    PRelu Reciprocal Relu Round Sigmoid Sin Softplus Sqrt Sub Tanh Where
    """.split()  # noqa: SIM905 - to be read
)
# Views of the same memory, and what is known before a run.
_FREE = frozenset(("Constant", "ConstantOfShape", "Flatten", "Identity", "Reshape"))
_FREE |= {"Shape", "Size", "Squeeze", "Unsqueeze"}

_WIDTH = {"float": 4, "float16": 2, "int64": 8, "int32": 4, "uint8": 1, "int8": 1, "bool": 1, "double": 8}

# ONNX Runtime's words for element types where NumPy has others.
_TYPES = {"float": "float32", "double": "float64"}

Shapes = Sequence[tuple[str, tuple[int, ...]]]

# Lengths of dimensions that have no number in a graph, as what they count is any number of.
SEVERAL = {"prompts": 2, "objects": 2}


@dataclass(frozen=True)
class Operator:
    """One operator of a run.

    Attributes:
        inputs, outputs: element type and shape of each, in order; weights are inputs.
    """

    kind: str
    inputs: Shapes
    outputs: Shapes

    @property
    def size_bytes(self) -> float:
        """Read and written. What is gathered or sliced is read where it is needed only."""
        read = [_bytes(kind, shape) for kind, shape in self.inputs]
        written = sum(_bytes(kind, shape) for kind, shape in self.outputs)
        if self.kind in ("Slice", "Gather", "GatherND", "GatherElements", "Split"):
            read[:1] = [min(read[0], written)] if read else []
        return sum(read) + written


def counted(path: Path, inputs: Mapping[str, NDArray[Any]], *, model: str, graph: str) -> Cost:
    """Count a run on these inputs.

    Raises:
        MissingError: ONNX Runtime isn't here.
        EngineError: it refuses the graph or the inputs.
    """
    profiled, network = _profiled(path, inputs)
    events = [event for event in profiled if _is_operator(event)]
    run = [event for event in events if not _is_widening(event)]
    height = (
        inputs["frame"].shape[1] if "frame" in inputs else int(inputs[SIZE][0]) if SIZE in inputs else 0
    )
    return Cost(
        model,
        graph,
        height,
        tuple(works_of(operators_of(run))),
        weights_bytes=sum(map(_weights_bytes, events)),
        peak_bytes=_peak_bytes(events),
        network=network,
    )


def works_of(operators: Iterable[Operator]) -> list[Work]:
    """Put together: mathematics by powers of two of the operations for each byte, the rest by kind."""
    sums: dict[tuple[Kind, int], list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for operator in operators:
        size_bytes = operator.size_bytes
        if operator.kind in _FREE or size_bytes < _LEAST_BYTES:
            continue
        flops, kind = flops_of(operator), _kind(operator.kind)
        step = round(math.log2(max(flops / size_bytes, 1))) if kind == "math" else 0
        total = sums[kind, step]
        total[0] += 1
        total[1] += flops
        total[2] += size_bytes
    return [Work(kind, int(n), flops, size) for (kind, _), (n, flops, size) in sorted(sums.items())]


def flops_of(operator: Operator) -> float:
    """Multiplications and additions, two for each product that is summed; 1 for each element elsewhere."""
    inputs, outputs = ([shape for _, shape in side] for side in (operator.inputs, operator.outputs))
    if is_product(operator.kind):
        return float(operations(operator.kind, inputs, outputs[:1]) or 0)
    return float(math.prod(outputs[0])) if outputs else 1.0


def operators_of(events: Iterable[Mapping[str, Any]]) -> Iterator[Operator]:
    """Out of the operators' events of ONNX Runtime's profile."""
    for about in (event["args"] for event in events):
        yield Operator(
            about["op_name"], _shapes(about["input_type_shape"]), _shapes(about["output_type_shape"])
        )


def _is_operator(event: Mapping[str, Any]) -> bool:
    return event.get("cat") == "Node" and str(event["name"]).endswith("_kernel_time")


def _is_widening(event: Mapping[str, Any]) -> bool:
    """Whether it makes FP32 of a weight in FP16, which engines do when they are built."""
    about = event["args"]
    return about["op_name"] == "Cast" and _is_half(about) and about["activation_size"] == "0"


def _is_half(about: Mapping[str, Any]) -> bool:
    return bool(about["input_type_shape"]) and "float16" in about["input_type_shape"][0]


def _weights_bytes(event: Mapping[str, Any]) -> float:
    """In FP32."""
    about = event["args"]
    return float(about["parameter_size"]) * (2 if _is_half(about) else 1)


def _peak_bytes(events: Sequence[Mapping[str, Any]]) -> float:
    """The most that was held at once, without weights in FP32 beside those in the file.

    Such a one is made just before the operator that reads it, and is gone after that.
    """
    if not any(map(_is_widening, events)):
        return max(float(event["args"]["mem_in_use_peak"]) for event in events)
    most = widened = 0.0
    for event in events:
        about = event["args"]
        if _is_widening(event):
            widened += float(about["output_size"])
            continue
        most = max(most, float(about["mem_bytes_in_use"]) - widened)
        widened = 0.0
    return most


def _kind(kind: str) -> Kind:
    return "math" if is_product(kind) else "fused" if kind in _FUSED else "moved"


def _shapes(listed: Iterable[Mapping[str, Sequence[int]]]) -> Shapes:
    return [(kind, tuple(shape)) for each in listed for kind, shape in each.items()]


def _bytes(kind: str, shape: Sequence[int]) -> float:
    return float(math.prod(shape)) * _WIDTH.get(kind, 4)


def _profiled(
    path: Path, inputs: Mapping[str, NDArray[Any]]
) -> tuple[list[dict[str, Any]], tuple[int, int] | None]:
    """Events, and the network's own size."""
    module = ort.onnxruntime(extra="cpu")
    options = _options(path)
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        try:
            session = module.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            session.run(None, dict(inputs))
        except Exception as error:  # ONNX Runtime's classes share no base but Exception
            raise EngineError(
                f"{path}: can't be counted; ONNX Runtime says: {ort.reason(error)}"
            ) from error
        events: list[dict[str, Any]] = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    info = _info(session, path)
    return events, info.network_size if info else None


def _options(path: Path) -> Any:
    """To take a graph as it is written: what is fused differs from library to library.

    Of weights beside it, which may be gigabytes in FP16, no more is held in FP32 than an operator needs.
    """
    module = ort.onnxruntime(extra="cpu")
    options = module.SessionOptions()
    options.graph_optimization_level = module.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")  # packed weights have no shape
    options.log_severity_level = 3
    if _has_weights_beside(path):
        options.execution_order = module.ExecutionOrder.PRIORITY_BASED
    return options


def _has_weights_beside(path: Path) -> bool:
    import onnx

    from trt_anime.hollow import weight_files

    try:
        return bool(weight_files(onnx.load(path, load_external_data=False), path))
    except Exception:  # protobuf's own, too; ONNX Runtime tells it better
        return False


def _info(session: Any, path: Path) -> StageInfo | None:
    try:
        return StageInfo.from_metadata(session.get_modelmeta().custom_metadata_map, source=path)
    except InputError:  # any graph can be counted
        return None


def example_inputs(
    path: Path, *, size: tuple[int, int], lengths: Mapping[str, int] = SEVERAL
) -> dict[str, NDArray[Any]]:
    """Grey frames and zeros, for every input of a graph.

    Args:
        size: (height, width) of the frame, where the graph takes any.
        lengths: of other dimensions by name; where nothing is said, what an engine has, or 1.

    Raises MissingError, EngineError: as `counted`.
    """
    module = ort.onnxruntime(extra="cpu")
    try:
        session = module.InferenceSession(str(path), _options(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise EngineError(f"{path}: can't be opened; ONNX Runtime says: {ort.reason(error)}") from error
    info = _info(session, path)
    known = {"height": size[0], "width": size[1], **(info.capacity if info else {}), **lengths}
    found: dict[str, NDArray[Any]] = {}
    for item in session.get_inputs():
        shape = [each if isinstance(each, int) else known.get(str(each), 1) for each in item.shape]
        kind = np.dtype(_TYPES.get(item.type[len("tensor(") : -1], item.type[len("tensor(") : -1]))
        found[item.name] = np.full(shape, 128 if kind == np.uint8 else 0, kind)
        if item.name == SIZE:
            found[item.name] = np.array(size, np.int64)
    return found
