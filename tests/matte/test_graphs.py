"""Stage graphs on disk: found again by content, described, checked, and never half a one."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import onnx
import pytest
import torch

from tests.letting_go import no_network_beside_sessions
from tests.matte.official import official_like, saved
from tests.matte.pieces import network_for
from trt_anime.cli import main
from trt_anime.errors import CheckpointError, ExportError, InputError
from trt_anime.export import check, checkpoints, graphs
from trt_anime.export.catalogue import Model, get
from trt_anime.export.matte import pytorch
from trt_anime.export.recipes.matte import Preprocess
from trt_anime.files import sha256_of
from trt_anime.stage import StageInfo

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # its import raises ModuleNotFoundError
from trt_anime.cli import main
main(sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def own_home(home: Path) -> None:
    pass


def imported(folder: Path, *, side: int = 320, seed: int = 0) -> Path:
    """A small network in the place of u2netp's weights."""
    file = saved(official_like(side, seed=seed), folder / f"mine-{side}-{seed}.onnx")
    return checkpoints.import_file(get("u2netp"), file)


def matte_graph() -> Path:
    return graphs.ensure("u2netp")["matte"]


def graphs_in(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "graphs").glob("*"))


def test_ensure_makes_it_once(tmp_path: Path, home: Path) -> None:
    imported(tmp_path)
    path = matte_graph()
    assert path.parent == home / "graphs" and path.name.startswith("matte-u2netp-")
    before = path.stat()
    assert matte_graph() == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert graphs_in(home) == [path.name]


def test_another_checkpoint_is_another_graph(tmp_path: Path, home: Path) -> None:
    imported(tmp_path)
    first = matte_graph()
    imported(tmp_path, seed=1)
    second = matte_graph()
    assert graphs_in(home) == sorted([first.name, second.name])
    imported(tmp_path)
    assert matte_graph() == first


def test_another_revision_is_another_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(tmp_path)
    first = matte_graph()
    monkeypatch.setattr(graphs, "REVISION", graphs.REVISION + 1)
    assert matte_graph() != first


def test_the_graph_describes_itself(tmp_path: Path) -> None:
    checkpoint = imported(tmp_path)
    path = matte_graph()
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    metadata = {item.key: item.value for item in model.metadata_props}
    assert StageInfo.from_metadata(metadata, source=path) == StageInfo(
        stage="matte",
        model="u2netp",
        checkpoint_sha256=sha256_of(checkpoint),
        licence="",
        size_rule="stretch to 320x320",
        output_ranges={"rgba": (0, 255)},
        network_size=(320, 320),
    )
    shape = [dim.dim_param or dim.dim_value for dim in model.graph.output[0].type.tensor_type.shape.dim]
    assert shape == ["batch", "height", "width", 4]


@pytest.mark.parametrize(
    ("model", "size"), [("u2net", (320, 320)), ("isnet-anime", (1024, 1024)), ("modnet", None)]
)
def test_the_size_that_a_network_sees(model: str, size: tuple[int, int] | None) -> None:
    assert get(model).recipe_as(Preprocess).size_rule.network_size == size


def test_export_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = imported(tmp_path)
    made = graphs.export("u2netp")
    (graph,) = made.graphs
    assert made.checkpoint == checkpoint and graph.path.is_file() and graph.name == "matte"
    assert graph.difference is not None and graph.difference.passed
    assert matte_graph() == graph.path
    with pytest.raises(SystemExit) as left:
        main(["export", "u2netp", "--output", str(tmp_path / "out")])
    assert not left.value.code
    out = capsys.readouterr().out
    assert f"u2netp: {tmp_path / 'out/matte-u2netp.onnx'} (" in out
    assert f"against PyTorch: {graph.difference}" in out
    assert (tmp_path / "out/matte-u2netp.onnx").read_bytes() == graph.path.read_bytes()


def test_export_of_all_that_is_here(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails doesn't stop the others, and decides the exit code."""
    imported(tmp_path)
    checkpoints.import_file(get("u2net"), saved(official_like(96), tmp_path / "other.onnx"))
    with pytest.raises(SystemExit) as left:
        main(["export", "all"])
    assert left.value.code == 2
    captured = capsys.readouterr()
    assert f"u2netp: {matte_graph()} (" in captured.out
    assert "note: left out, without weights here: u2net-human, " in captured.err
    assert "error: u2net: " in captured.err and "is fixed to pictures of 96x96" in captured.err
    assert captured.err.endswith("error: 1 of 2 models were not exported, reason above\n")


def test_all_and_others_by_name(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["export", "u2netp", "all"])
    assert not left.value.code
    assert capsys.readouterr().out.count("u2netp: ") == 1
    with pytest.raises(SystemExit):
        main(["export", "all", "u2nety"])
    assert "u2nety" in capsys.readouterr().err.splitlines()[-1]


def test_a_failed_comparison_leaves_nothing(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(tmp_path)
    monkeypatch.setattr(check.Difference, "passed", False)
    with pytest.raises(ExportError, match=r"^u2netp: the graph differs from PyTorch by max [\d.]+, p99 "):
        graphs.export("u2netp")
    assert graphs_in(home) == []


def test_a_failed_comparison_leaves_the_old_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported(tmp_path)
    path = matte_graph()
    before = path.stat().st_mtime_ns
    monkeypatch.setattr(check.Difference, "passed", False)
    with pytest.raises(ExportError):
        graphs.export("u2netp")
    assert path.stat().st_mtime_ns == before


def test_a_network_of_another_size(tmp_path: Path, home: Path) -> None:
    checkpoint = imported(tmp_path, side=96)
    with pytest.raises(CheckpointError) as raised:
        graphs.ensure("u2netp")
    assert str(raised.value).startswith(f"{checkpoint}: is fixed to pictures of 96x96, but u2netp gets")
    assert graphs_in(home) == []


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'u2netp'"):
        graphs.ensure("u2nep")
    with pytest.raises(InputError, match="isn't published as"):
        graphs.export("u2netp", door="safetensors")


def test_pth_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def network(model: Model, path: Path) -> pytorch.MatteNetwork:
        maps = Maps(network_for(model.recipe_as(Preprocess)))
        return pytorch.MatteNetwork(maps, model.architecture).eval()

    monkeypatch.setattr(pytorch, "network_from_checkpoint", network)
    checkpoint = _pth(tmp_path)
    with no_network_beside_sessions():
        made = graphs.export("u2netp", door="pth")
    assert made.checkpoint == checkpoint
    (difference,) = (graph.difference for graph in made.graphs)
    assert difference is not None and difference.passed


class Maps(torch.nn.Module):
    """A network's map as the first of its outputs."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.network(image),)


def _pth(folder: Path) -> Path:
    """A file that passes for u2netp's .pth, as long as nobody opens it, in its place."""
    with zipfile.ZipFile(folder / "mine.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    return checkpoints.import_file(get("u2netp"), folder / "mine.pth")


def test_pth_door_without_torch(tmp_path: Path, home: Path) -> None:
    _pth(tmp_path)
    done = without_torch(home, "export", "u2netp", "--door", "pth")
    assert done.returncode == 3
    assert done.stderr == "error: This needs PyTorch: pip install 'trt-anime[export]'\n"
    assert done.stdout == "" and graphs_in(home) == []


def test_onnx_door_without_torch(tmp_path: Path, home: Path) -> None:
    imported(tmp_path)
    done = without_torch(home, "export", "u2netp", "--door", "onnx")
    assert (done.returncode, done.stderr) == (0, "")
    assert "against PyTorch: not compared, it is not installed" in done.stdout
    assert len(graphs_in(home)) == 1


def without_torch(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"TRT_ANIME_HOME": str(home)},
    )
