"""`trt-anime export` for segmentation: from a checkpoint's file to a graph that was compared."""

from pathlib import Path

import onnx
import pytest
from safetensors.torch import save_file

from tests.letting_go import no_network_beside_sessions
from tests.segment.pieces import BACKBONE, CLASSES, SMALL_HEAD, exported, network, row, rule_for
from trt_anime.export import checkpoints, graphs
from trt_anime.export.catalogue import CATALOGUE
from trt_anime.export.segment import network as networks
from trt_anime.export.segment import variants
from trt_anime.export.segment.checkpoint import weights_of


def traced(*_: object, **__: object) -> onnx.ModelProto:
    """The small network's export, which takes long and is here already."""
    model = onnx.ModelProto()
    model.CopyFrom(exported())
    return model


def test_a_published_file_becomes_a_graph(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = row(rule_for("panoptic", CLASSES))
    config = variants.config_of(BACKBONE, SMALL_HEAD, queries=30, classes=CLASSES)
    monkeypatch.setitem(CATALOGUE, small.name, small)
    monkeypatch.setattr(variants, "config_for", lambda rule: config)
    monkeypatch.setattr(networks, "onnx_from_network", traced)
    weights = {name: tensor.detach().clone() for name, tensor in weights_of(network()).items()}
    save_file(weights, tmp_path / "model.safetensors")
    checkpoint = checkpoints.import_file(small, tmp_path / "model.safetensors")
    exported()  # of the tests' own network, which stays
    with no_network_beside_sessions():
        made = graphs.export(small.name)
    (graph,) = made.graphs
    assert made.checkpoint == checkpoint and graph.path.parent == home / "graphs"
    assert graph.difference is not None and graph.difference.mean < 1e-3
