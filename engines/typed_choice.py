"""Which graph an engine is built from: the stage graph for FP32, else the one that was calibrated."""

from dataclasses import dataclass
from pathlib import Path

from trt_anime import typed
from trt_anime.engines.manifest import Precision
from trt_anime.errors import EngineError, MissingError
from trt_anime.parity import Parity
from trt_anime.stage import StageInfo


@dataclass(frozen=True)
class Typed:
    """What the builder is given.

    Attributes:
        file: the ONNX file.
        sha256: hex, of the file.
        parity: against FP32; None for FP32 itself.
        forced: it failed parity, and is built all the same.
    """

    file: Path
    sha256: str
    parity: Parity | None = None
    forced: bool = False


def typed_for(graph: Path, sha256: str, info: StageInfo, precision: Precision, *, force: bool) -> Typed:
    """The graph in this precision.

    Raises:
        MissingError: it isn't calibrated, or what was is damaged.
        EngineError: it failed parity, and `force` isn't given.
    """
    if precision == "fp32":
        return Typed(graph, sha256)
    found = typed.find(sha256, precision=precision, form="tensorrt")
    again = f"`trt-anime calibrate --graph {graph} --frames CLIP --precision {precision}`"
    if found is None:
        raise MissingError(f"{info.model}: no whole {precision} graph of it is here; run {again}")
    parity = found.record.parity
    if not parity.passed and not force:
        raise EngineError(
            f"{info.model}: the {precision} graph is too far from FP32 ({parity.shortfall}); look at"
            f" {found.picture}, run {again} with other frames, or build it all the same with --force"
        )
    return Typed(found.graph, found.record.graph_sha256, parity, forced=not parity.passed)
