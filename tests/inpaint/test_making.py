"""`trt-anime export` for inpainting: from a checkpoint's file to a graph that describes itself."""

from pathlib import Path

import onnx
import pytest
import torch

from tests.inpaint.official import pipeline
from tests.inpaint.pieces import SMALL, lama_with_weights
from tests.letting_go import no_network_beside_sessions
from tests.networks.test_torchscript import published
from tests.parity.goldens import manifest
from trt_anime.cli import main
from trt_anime.errors import CheckpointError
from trt_anime.export import checkpoints, graphs
from trt_anime.export.catalogue import get
from trt_anime.export.inpaint import pytorch
from trt_anime.export.networks.lama import Lama, lama
from trt_anime.files import sha256_of
from trt_anime.stage import StageInfo


@pytest.fixture(autouse=True)
def own_home(home: Path) -> None:
    pass


@pytest.fixture
def small_lama(monkeypatch: pytest.MonkeyPatch) -> Lama:
    """The network of the catalogue's rows made small."""
    monkeypatch.setattr(pytorch, "create", lambda name: Lama(SMALL))
    return lama_with_weights()


def described(path: Path) -> StageInfo:
    metadata = {item.key: item.value for item in onnx.load(path).metadata_props}
    return StageInfo.from_metadata(metadata, source=path)


@pytest.mark.parametrize("name", ["lama", "lama-anime"])
def test_a_torchscript_file_becomes_a_graph(name: str, small_lama: Lama, tmp_path: Path) -> None:
    checkpoint = checkpoints.import_file(get(name), published(tmp_path / "mine.pt", small_lama))
    with no_network_beside_sessions():
        made = graphs.export(name)
    (graph,) = made.graphs
    assert made.checkpoint == checkpoint and graph.path.name.startswith(f"inpaint-{name}-")
    assert graph.difference is not None and graph.difference.maximum <= 1
    assert graphs.ensure(name) == {"inpaint": graph.path}
    assert described(graph.path) == StageInfo(
        stage="inpaint",
        model=name,
        checkpoint_sha256=sha256_of(checkpoint),
        licence="",
        size_rule="long side at most 768, both sides multiples of 8",
        output_ranges={"plate": (0, 255)},
        network_size=None,
    )


def test_a_published_program_becomes_a_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(pipeline(512), tmp_path / "mine.onnx")
    checkpoints.import_file(get("migan"), tmp_path / "mine.onnx")
    with pytest.raises(SystemExit) as left:
        main(["export", "migan", "--output", str(tmp_path / "out")])
    assert not left.value.code
    out = capsys.readouterr().out
    assert "nodes: all can be built by TensorRT-RTX" in out
    assert "against PyTorch: max " in out
    info = described(tmp_path / "out/inpaint-migan.onnx")
    assert (info.stage, info.network_size) == ("inpaint", (512, 512))


def test_doors_that_a_model_does_not_have(small_lama: Lama, tmp_path: Path) -> None:
    onnx.save(pipeline(64), tmp_path / "mine.onnx")
    checkpoints.import_file(get("lama"), tmp_path / "mine.onnx")
    with pytest.raises(CheckpointError, match=r"lama isn't made from \.onnx files; import a PyTorch"):
        graphs.ensure("lama")
    checkpoints.import_file(get("migan"), published(tmp_path / "mine.pt", small_lama))
    with pytest.raises(CheckpointError, match=r"migan is made from its \.onnx file only; run `trt-anime"):
        graphs.ensure("migan")


@pytest.mark.stress
def test_lama_in_full_size(tmp_path: Path) -> None:
    """51 million weights through the published layout, file to graph."""
    network = lama().eval()
    weights = {name: torch.from_numpy(value) for name, value in manifest("lama").weights().items()}
    network.load_state_dict(weights)
    checkpoints.import_file(get("lama"), published(tmp_path / "big-lama.pt", network))
    (graph,) = graphs.export("lama").graphs
    assert graph.difference is not None and graph.difference.maximum <= 1
    assert 200e6 < graph.path.stat().st_size < 210e6
