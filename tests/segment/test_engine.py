"""The segment graph through TensorRT-RTX: a transformer, and planes that compete at frame size."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from tests.engines.calibrated import calibrated
from tests.segment.pieces import CLASSES, graph_for, rule_for
from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
from trt_anime.engines.manifest import Precision, Profile
from trt_anime.engines.targets import Target

pytest.importorskip("tensorrt_rtx")

# Each head, both forms of deformable attention, both precisions, the oldest and a newer GPU.
BUILDS = [
    ("panoptic", "gather", 75, "fp16"),
    ("instance", "grid_sample", 89, "fp32"),
    pytest.param("semantic", "gather", 120, "fp16", marks=pytest.mark.stress),
]


@pytest.mark.parametrize(("task", "form", "capability", "precision"), BUILDS)
def test_it_builds(
    home: Path, tmp_path: Path, task: str, form: str, capability: int, precision: Precision
) -> None:
    rule = replace(rule_for(task, CLASSES), slots=11)
    rule = replace(rule, deformable_attention="gather" if form == "gather" else "grid_sample")
    onnx.save(graph_for(rule), tmp_path / "graph.onnx")
    graph = stage_graph_from_file(tmp_path / "graph.onnx")
    if precision == "fp16":
        calibrated(graph.path, "fp16")
    built = engine_from_graph(
        graph,
        Target("rtx", capability),
        precision=precision,
        profile=Profile(height=96, width=160, max_batch=2),
        on_progress=lambda share: None,
    )
    layers = built.entry.manifest.layer_precision
    assert layers and bool(layers.get("float16")) == (precision == "fp16")
