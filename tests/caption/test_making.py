"""From an imported checkpoint to graphs in the store, the way that `trt-anime export` goes."""

import errno
import os
import shutil
from pathlib import Path

import onnx
import onnxruntime as ort
import pytest

from tests.caption.small import NAMES, row
from tests.letting_go import no_network_beside_sessions
from trt_anime import paths
from trt_anime.cli import main
from trt_anime.errors import ExportError
from trt_anime.export import catalogue, checkpoints, graphs
from trt_anime.export import check as export_check
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


@pytest.mark.parametrize("linked", [True, False], ids=["one disk", "another disk"])
def test_what_is_exported_to_a_folder_can_be_used_there(
    imported: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    linked: bool,
) -> None:
    """The weights lie beside the graphs, whole, once for all three, and are never read into memory."""
    copied: list[Path] = []
    copyfile = shutil.copyfile

    def noted(source: Path, target: Path) -> object:
        copied.append(source)
        return copyfile(source, target)

    def refused(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def read_whole(path: Path) -> bytes:
        raise AssertionError(f"{path} was read whole")

    monkeypatch.setattr(shutil, "copyfile", noted)
    if not linked:
        monkeypatch.setattr(os, "link", refused)
    out = tmp_path / "out"
    exported = graphs.export("blip-base")
    with monkeypatch.context() as patched, pytest.raises(SystemExit) as left:
        patched.setattr(graphs, "export", lambda name, **options: exported)
        patched.setattr(Path, "read_bytes", read_whole)
        main(["export", "blip-base", "-o", str(out)])
    assert not left.value.code
    (weights,) = paths.graphs().glob("*.weights")
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [weights.name, *(f"{name}-blip-base.onnx" for name in ("vision", "prefill", "step"))]
    )
    assert (out / weights.name).samefile(weights) == linked
    assert copied.count(weights) == (not linked)
    shutil.rmtree(paths.graphs())
    for name in ("vision", "prefill", "step"):
        session_of_file(out / f"{name}-blip-base.onnx")
    assert f"blip-base: {out / 'vision-blip-base.onnx'} (" in capsys.readouterr().out


def test_two_exports_at_once_have_files_of_their_own(
    imported: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One begins and ends while another has its weights in a file and has not yet written its graphs."""
    let_go = export_check.let_go
    inner: list[graphs.Exported] = []

    def meanwhile() -> None:
        monkeypatch.setattr(export_check, "let_go", let_go)
        inner.append(graphs.export("blip-base"))

    monkeypatch.setattr(export_check, "let_go", meanwhile)
    outer = graphs.export("blip-base")
    assert [graph.path for graph in inner[0].graphs] == [graph.path for graph in outer.graphs]
    (weights,) = paths.graphs().glob("*.weights")
    assert {graph.weights for graph in outer.graphs} == {weights}
    assert not list(paths.graphs().glob(".*"))
    for graph in outer.graphs:
        session_of_file(graph.path)


def session_of_file(path: Path) -> None:
    """Raises where the file, or what it names, is not all there."""
    ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
