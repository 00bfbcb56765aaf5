"""Small stage graphs through TensorRT-RTX."""

from pathlib import Path

from tests.engines.calibrated import calibrated
from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
from trt_anime.engines.manifest import Manifest, Precision, Profile
from trt_anime.engines.targets import Target

SMALL = Profile(height=96, width=160, max_batch=2)


def built(path: Path, capability: int, precision: Precision, profile: Profile = SMALL) -> Manifest:
    """The engine of a stage graph, calibrated first unless it is to be FP32."""
    if precision != "fp32":
        calibrated(path, precision)
    result = engine_from_graph(
        stage_graph_from_file(path),
        Target("rtx", capability),
        precision=precision,
        profile=profile,
        on_progress=lambda share: None,
    )
    assert not result.cached
    return result.entry.manifest
