"""From an imported checkpoint to graphs in the store, the way that `trt-anime export` goes."""

from pathlib import Path

import onnx
import pytest

from tests.caption.small import NAMES, row
from tests.letting_go import no_network_beside_sessions
from trt_anime import paths
from trt_anime.errors import ExportError
from trt_anime.export import catalogue, checkpoints, graphs
from trt_anime.export.caption import check
from trt_anime.export.caption.synthetic import synthetic_checkpoint
from trt_anime.export.check import Tolerance


@pytest.fixture
def imported(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        small = row(name)
        monkeypatch.setitem(catalogue.CATALOGUE, name, small)
        path = tmp_path / name / small.files[0].filename
        synthetic_checkpoint(small, path, seed=5)
        checkpoints.import_file(small, path)


@pytest.mark.parametrize("name", NAMES)
def test_three_graphs_are_kept_beside_their_weights(imported: None, name: str) -> None:
    with no_network_beside_sessions():
        exported = graphs.export(name)
    assert [graph.name for graph in exported.graphs] == ["vision", "prefill", "step"]
    assert all(graph.difference and graph.difference.maximum < 1e-4 for graph in exported.graphs)
    for graph in exported.graphs:
        onnx.checker.check_model(str(graph.path), full_check=True)
    (weights,) = paths.graphs().glob("*.weights")
    assert weights.name.startswith(f"caption-{name}-")
    assert not list(paths.graphs().glob(".*"))
    assert graphs.ensure(name) == {graph.name: graph.path for graph in exported.graphs}


def test_graphs_that_differ_leave_nothing(imported: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "LOGITS", Tolerance(p99=0, maximum=0, unit="in logits"))
    with pytest.raises(ExportError, match=r"blip-base: the graph differs from PyTorch by .* in logits"):
        graphs.export("blip-base")
    assert not list(paths.graphs().iterdir())
