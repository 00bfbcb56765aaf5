"""Graphs that their exporter writes in FP16: nothing is converted, what came out is compared."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime import paths
from trt_anime.errors import EngineError, MissingError
from trt_anime.files import temporary_folder
from trt_anime.hollow import weight_files

if TYPE_CHECKING:
    import onnx

    from trt_anime.calibration.calibrator import Calibrated
    from trt_anime.calibration.parity import Run
    from trt_anime.engines.builder import StageGraph

Inputs = Mapping[str, Any]

_STAGES = ("vision", "prefill", "step")


def is_written(source: "StageGraph") -> bool:
    """Whether the FP16 form of a graph comes from its exporter."""
    return source.info.stage in _STAGES and bool(weight_files(source.model, source.path))


@contextmanager
def written(
    source: "StageGraph", frames: Sequence[Inputs], *, precision: str, weights_name: str
) -> "Iterator[tuple[Calibrated, Path]]":
    """The graph in FP16 compared with FP32 on `frames`, and the file that its weights are in.

    The file goes at the end, unless it was moved.

    Raises:
        EngineError: another precision was asked for.
        InputError: the model isn't in the catalogue.
        MissingError: its checkpoint isn't here.
        CheckpointError, OutputError: as the export raises them.
    """
    import onnx

    from trt_anime.calibration.calibrator import Calibrated
    from trt_anime.calibration.parity import compare, run_with_onnxruntime
    from trt_anime.calibration.shares import precision_share

    if precision != "fp16":
        raise EngineError(f"{source.info.model}: captioning graphs are written in FP16 only; use fp16")
    with temporary_folder(paths.typed()) as folder:
        weights, file = folder / weights_name, folder / "graph.onnx"
        graph = _graph(source, weights)
        onnx.save(graph, file)
        comparison = compare(
            run_with_onnxruntime(source.path),
            _in_types_of(graph, run_with_onnxruntime(file)),
            frames,
            stage=source.info.stage,
            precision=precision,
            reference_name="fp32 graph, ONNX Runtime CPU",
            candidate_name="fp16 graph, ONNX Runtime CPU",
        )
        yield Calibrated(graph, "written", (), comparison, precision_share(graph)), weights


def _graph(source: "StageGraph", weights: Path) -> "onnx.ModelProto":
    from trt_anime.export import catalogue, checkpoints
    from trt_anime.export.caption.making import half_graph

    row = catalogue.get(source.info.model)
    for checkpoint, record in checkpoints.stored(row).items():
        if record.sha256 == source.info.checkpoint_sha256:
            [beside] = weight_files(source.model, source.path)
            return half_graph(row, checkpoint, record, source.info.stage, beside=beside, weights=weights)
    raise MissingError(
        f"{row.name}: the weights that {source.path.name} was made of aren't here;"
        f" run `trt-anime export {row.name}`"
    )


def _in_types_of(graph: "onnx.ModelProto", run: "Run") -> "Run":
    """The cache is an input, and FP16 where products are."""
    import onnx

    kinds = {
        value.name: onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        for value in graph.graph.input
    }
    return lambda inputs: run({name: array.astype(kinds[name]) for name, array in inputs.items()})
