"""The real stage graph, around a small network: it holds what toys don't think of."""

from pathlib import Path

import pytest

from tests.engines.calibrated import calibrated
from tests.engines.graphs import saved, small_network
from trt_anime.engines.builder import StageGraph, engine_from_graph, stage_graph_from_file
from trt_anime.engines.manifest import Manifest, Precision, Profile
from trt_anime.engines.targets import Target
from trt_anime.export.catalogue import get
from trt_anime.export.matte.compose import matte_graph

pytest.importorskip("tensorrt_rtx")


@pytest.fixture
def graph(home: Path, tmp_path: Path) -> StageGraph:
    model = matte_graph(small_network(), get("u2netp"), checkpoint_sha256="0" * 64, licence="MIT")
    graph = stage_graph_from_file(saved(model, tmp_path))
    calibrated(graph.path, "fp16")
    return graph


@pytest.mark.parametrize(("capability", "precision"), [(75, "fp32"), (120, "fp16")])
def test_builds(home: Path, graph: StageGraph, capability: int, precision: Precision) -> None:
    manifest = _built(graph, Target("rtx", capability), precision)
    assert manifest.layer_precision
    assert bool(manifest.layer_precision.get("float16")) == (precision == "fp16")


def test_same_bytes_twice(home: Path, graph: StageGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without fixed addresses, the builder gives other bytes each time for this graph."""
    first = _built(graph, Target("rtx", 89), "fp16")
    if not first.reproducible:
        pytest.skip("this system gives no process fixed addresses")
    monkeypatch.setenv("TRT_ANIME_HOME", str(home.with_name("another_home")))
    monkeypatch.setenv("SOMETHING_ELSE", "x" * 10_000)
    monkeypatch.chdir(home)
    calibrated(graph.path, "fp16")
    assert _built(graph, Target("rtx", 89), "fp16").engine_sha256 == first.engine_sha256


def _built(graph: StageGraph, target: Target, precision: Precision) -> Manifest:
    profile = Profile(height=64, width=96, max_batch=4)
    built = engine_from_graph(
        graph, target, precision=precision, profile=profile, on_progress=lambda share: None
    )
    assert not built.cached
    return built.entry.manifest
