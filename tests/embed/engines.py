"""The small graphs through TensorRT-RTX."""

from pathlib import Path

from tests.engines.calibrated import calibrated
from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
from trt_anime.engines.manifest import Manifest, Precision, Profile
from trt_anime.engines.targets import Target


def built(path: Path, capability: int, precision: Precision) -> Manifest:
    """The engine of a stage graph for small frames, calibrated first if it is to be FP16."""
    if precision == "fp16":
        calibrated(path, "fp16")
    result = engine_from_graph(
        stage_graph_from_file(path),
        Target("rtx", capability),
        precision=precision,
        profile=Profile(height=96, width=160, max_batch=2),
        on_progress=lambda share: None,
    )
    assert not result.cached
    return result.entry.manifest
