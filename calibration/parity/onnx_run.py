"""The reference: a stage graph on ONNX Runtime's CPU provider."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime.calibration.parity.case import Array, Run
from trt_anime.calibration.parity.half import has_half, rounded_from_half
from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.hollow import weight_files

if TYPE_CHECKING:
    import onnx


# An optimisation that makes whole numbers of the biases between Q/DQ, and of weights coarser ones where
# those wouldn't reach. TensorRT leaves biases alone, and in Q/DQ for CPUs they are whole numbers already.
_ROUNDS_BIASES = "WeightBiasQuantization"
_FOLDER = "session.model_external_initializers_file_folder_path"


def run_with_onnxruntime(graph: "onnx.ModelProto | Path", *, threads: int | None = None) -> Run:
    """A graph on the CPU, optimised as the product runs it, the same bytes for the same inputs.

    What the graph has in FP16 is rounded to FP16 node by node, which ONNX Runtime alone doesn't do: see
    `rounded_from_half`.

    Args:
        graph: a model, or its file; above 2 GB only a file, and in FP16 only with its weights beside it.
        threads: CPU cores; None: all.

    Returns:
        A function from inputs to outputs, by name; it may be called from one thread at a time. It
        raises EngineError when ONNX Runtime fails, on inputs that don't fit for example.

    Raises:
        InputError: not a graph that ONNX Runtime can run.
        MissingError: ONNX Runtime isn't installed.
    """
    ort = _onnxruntime()
    options = ort.SessionOptions()
    options.use_deterministic_compute = True
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 4
    name = str(graph) if isinstance(graph, Path) else graph.graph.name or "the graph"
    try:
        if _has_float8(graph):  # its optimisations take FP8 for another type, and loading fails
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = ort.InferenceSession(
            _source(graph, options),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=[_ROUNDS_BIASES],
        )
    except Exception as error:  # ONNX Runtime's classes share no base but Exception
        raise InputError(f"{name}: ONNX Runtime can't run it ({_line(error)}); export it again") from error
    outputs = [output.name for output in session.get_outputs()]

    def run(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        try:
            return dict(zip(outputs, session.run(outputs, dict(inputs)), strict=True))
        except Exception as error:
            raise EngineError(f"{name}: ONNX Runtime failed on it ({_line(error)})") from error

    return run


def _source(graph: "onnx.ModelProto | Path", options: Any) -> str | bytes:
    """What ONNX Runtime loads: the file itself where nothing has to be changed in it."""
    import onnx

    if isinstance(graph, Path):
        path, graph = graph, onnx.load(graph, load_external_data=False)
        if weight_files(graph, path):  # mapped, and neither folded nor packed into second copies
            options.graph_optimization_level = _onnxruntime().GraphOptimizationLevel.ORT_DISABLE_ALL
            options.enable_cpu_mem_arena = False
            # else every weight is cast to FP32 before the first product: 9.4 GB for 5.3 in FP16, not 1.7
            options.execution_order = _onnxruntime().ExecutionOrder.PRIORITY_BASED
            options.add_session_config_entry("session.disable_prepacking", "1")
            options.add_session_config_entry(_FOLDER, str(path.parent))
        if not has_half(graph):
            return str(path)
    model = rounded_from_half(graph) if has_half(graph) else graph
    serialized: bytes = model.SerializeToString()
    return serialized


def _has_float8(graph: "onnx.ModelProto | Path") -> bool:
    import onnx

    if isinstance(graph, Path):
        graph = onnx.load(graph, load_external_data=False)
    kind = onnx.TensorProto.FLOAT8E4M3FN
    return any(tensor.data_type == kind for tensor in graph.graph.initializer)


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingError(
            "Measuring parity needs ONNX Runtime: pip install 'trt-anime[cpu]' or 'trt-anime[gpu]'"
        ) from error
    return onnxruntime


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
