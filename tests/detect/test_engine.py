"""The graphs through TensorRT-RTX, at a frame's size."""

from pathlib import Path

import onnx
import pytest

from tests.detect.conftest import Small
from tests.detect.pieces import small_row
from tests.engines.calibrated import calibrated
from trt_anime.engines.builder import StageGraph, engine_from_graph, stage_graph_from_file
from trt_anime.engines.manifest import Manifest, Precision, Profile
from trt_anime.engines.specialise import specialised
from trt_anime.engines.targets import Target
from trt_anime.export.detect.configurations import configuration
from trt_anime.export.detect.prepare import Widths, prepare_graph
from trt_anime.export.recipes.detect import Detection

pytest.importorskip("tensorrt_rtx")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def read(model: onnx.ModelProto, folder: Path) -> StageGraph:
    onnx.save(model, folder / "graph.onnx")
    return stage_graph_from_file(folder / "graph.onnx")


def built(graph: StageGraph, capability: int, precision: Precision) -> Manifest:
    profile = Profile(height=120, width=160, max_batch=2)
    engine = engine_from_graph(
        graph,
        Target("rtx", capability),
        precision=precision,
        profile=profile,
        on_progress=lambda share: None,
    )
    return engine.entry.manifest


def test_the_text_side_builds(home: Path, tmp_path: Path, small: Small) -> None:
    manifest = built(read(small.prompt, tmp_path), 89, "fp32")
    assert manifest.recipe.stage == "prompt"


def test_the_picture_side_builds(home: Path, tmp_path: Path, small: Small) -> None:
    manifest = built(read(small.detect, tmp_path), 89, "fp32")
    assert manifest.recipe.stage == "detect"
    assert manifest.info.lowerings == {"deformable_attention": "gather"}


@pytest.mark.stress
@pytest.mark.parametrize("form", ["grid_sample", "gather"])
@pytest.mark.parametrize("capability", [75, 120])
def test_both_forms_build_in_fp16(
    home: Path, tmp_path: Path, small: Small, form: str, capability: int
) -> None:
    graph = read(small.detect if form == "gather" else small.sampling, tmp_path)
    calibrated(graph.path, "fp16")
    manifest = built(graph, capability, "fp16")
    assert manifest.info.lowerings == {"deformable_attention": form}


def test_at_one_size_masks_and_places_are_constants() -> None:
    rule, widths = small_row().recipe_as(Detection), Widths.of(configuration("small"))
    before = prepare_graph(rule, widths)
    fixed = specialised(before, height=120, width=160)
    assert {"Sin", "Cos", "Less", "Log"} <= {node.op_type for node in before.graph.node}
    assert not {"Sin", "Cos", "Less", "Log"} & {node.op_type for node in fixed.graph.node}
