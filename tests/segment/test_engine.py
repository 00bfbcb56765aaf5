"""The segment graph through TensorRT-RTX: a transformer, and planes that compete at frame size."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from tests.engines.building import built
from tests.segment.pieces import CLASSES, graph_for, rule_for
from trt_anime.engines.manifest import Precision

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
    layers = built(tmp_path / "graph.onnx", capability, precision).layer_precision
    assert layers and bool(layers.get("float16")) == (precision == "fp16")
