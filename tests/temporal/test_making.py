"""`trt-anime export` for networks that follow objects: from a checkpoint's file to graphs in the store."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from tests.letting_go import no_network_beside_sessions
from tests.temporal.test_aot_stages import small_network
from tests.temporal.xmem.conftest import SMALL
from trt_anime.calibration.network import network_of, with_network
from trt_anime.errors import CheckpointError
from trt_anime.export import catalogue, checkpoints, graphs, networks
from trt_anime.export.networks.xmem.network import XMem
from trt_anime.export.recipes.temporal import Tracking
from trt_anime.stage import StageInfo


def small(name: str) -> nn.Module:
    torch.manual_seed(3)
    return (XMem(SMALL) if name == "xmem" else small_network()).requires_grad_(False)


@pytest.fixture(autouse=True)
def small_networks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue's rows for small frames, and their networks made small."""
    monkeypatch.setattr(networks, "create", small)
    for name in ("xmem", "deaot-t"):
        row = replace(catalogue.get(name), recipe=Tracking(height=48, width=64, short_side=32))
        monkeypatch.setitem(catalogue.CATALOGUE, name, row)


def published(folder: Path, name: str) -> Path:
    """A file as the authors' training saves it, from DataParallel."""
    state = {f"module.{key}": value for key, value in small(name).state_dict().items()}
    torch.save(state, folder / f"{name}.pth")
    return folder / f"{name}.pth"


@pytest.mark.parametrize("name", ["xmem", "deaot-t"])
def test_a_published_file_becomes_graphs(name: str, tmp_path: Path) -> None:
    row = catalogue.get(name)
    checkpoint = checkpoints.import_file(row, published(tmp_path, name))
    with no_network_beside_sessions():
        made = graphs.export(name)
    assert made.checkpoint == checkpoint
    assert tuple(graph.name for graph in made.graphs) == row.graphs
    for graph in made.graphs:
        model = onnx.load(graph.path)
        info = StageInfo.from_metadata(
            {item.key: item.value for item in model.metadata_props}, source=graph.path
        )
        assert (info.stage, info.model) == (graph.name, name)
        has_network = any(node.name.startswith("net/") for node in model.graph.node)
        if graph.name in ("read", "consolidate"):  # products, but no weights
            assert graph.difference is None
            assert all(len(one.raw_data) <= 64 for one in model.graph.initializer), graph.name
        else:
            assert has_network == (graph.difference is not None)
        if has_network:  # it can be taken out and put back
            onnx.checker.check_model(with_network(model, network_of(model)), full_check=True)
    differences = [graph.difference for graph in made.graphs if graph.difference]
    assert len(differences) >= 3 and all(0 < found.maximum < 1e-3 for found in differences)
    assert graphs.ensure(name) == {graph.name: graph.path for graph in made.graphs}


def test_another_networks_file_is_refused(tmp_path: Path, home: Path) -> None:
    checkpoints.import_file(catalogue.get("deaot-t"), published(tmp_path, "xmem"))
    with pytest.raises(CheckpointError, match="does not hold the weights of ObjectTracker: "):
        graphs.export("deaot-t")
    assert not list((home / "graphs").glob("*"))
