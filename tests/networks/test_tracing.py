"""torch.onnx.export, and what it leaves behind."""

import gc
import weakref
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from torch import nn

from trt_anime.errors import OutputError
from trt_anime.export.check import session_of
from trt_anime.export.external import held, is_aside, weights_aside
from trt_anime.export.parts import NETWORK, joined
from trt_anime.export.tracing import BATCH, onnx_from_inputs
from trt_anime.export.writing import write_graph
from trt_anime.stage import StageInfo

INFO = StageInfo(
    stage="embed",
    model="toy",
    checkpoint_sha256="0" * 64,
    licence="MIT",
    size_rule="any",
    output_ranges={},
)


def toy() -> nn.Sequential:
    """A layer whose weight is transposed as it is traced, one whose weight isn't, and a small one."""
    torch.manual_seed(1)
    layers = nn.Conv2d(3, 200, 8, 8), nn.Flatten(2), nn.Linear(16, 1200), nn.ReLU(), nn.Linear(1200, 4)
    return nn.Sequential(*layers).eval()


def stage_graph(network: nn.Module) -> onnx.ModelProto:
    inputs = {"image": (torch.zeros(2, 3, 32, 32), {0: BATCH})}
    return joined(None, onnx_from_inputs(network, inputs, outputs=["y"], name="toy"), None, info=INFO)


def test_a_graph_does_not_say_where_we_are_installed() -> None:
    assert b".py" not in stage_graph(toy()).SerializeToString()


def test_weights_put_aside_are_in_the_file_as_if_they_never_were(tmp_path: Path) -> None:
    network, aside = toy(), tmp_path / "aside"
    aside.mkdir()
    write_graph(stage_graph(network), tmp_path / "whole.onnx")
    with weights_aside(aside):
        graph = stage_graph(network)
        away = {tensor.name: tensor for tensor in graph.graph.initializer if is_aside(tensor)}
        assert len(away) == 2
        assert graph.ByteSize() < 50_000
        kept = held(away[f"{NETWORK}0.weight"])
        np.testing.assert_array_equal(
            onnx.numpy_helper.to_array(kept), network.get_parameter("0.weight").detach()
        )
        write_graph(graph, tmp_path / "aside.onnx")
    assert (tmp_path / "aside.onnx").read_bytes() == (tmp_path / "whole.onnx").read_bytes()


def test_a_graph_whose_weights_are_aside_runs(tmp_path: Path) -> None:
    network, image = toy(), torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    with weights_aside(tmp_path):
        found = session_of(stage_graph(network)).run(None, {"image": image.numpy()})[0]
    np.testing.assert_allclose(np.asarray(found), network(image).detach().numpy(), atol=1e-5)


def test_a_disk_that_takes_no_weights_is_named(tmp_path: Path) -> None:
    with weights_aside(tmp_path / "nowhere"), pytest.raises(OutputError, match="nowhere"):
        stage_graph(toy())


def test_weights_go_with_the_network() -> None:
    """A rule of the exporter's, which stays, holds the last graph that it looked at."""
    network = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4)).eval()
    weight = weakref.ref(network[0].weight)
    inputs = {"image": (torch.zeros(2, 16), {0: BATCH})}
    model = onnx_from_inputs(network, inputs, outputs=["y"], name="toy")
    assert sum(len(tensor.raw_data) for tensor in model.graph.initializer) == 4 * (17 * 16 + 17 * 4)
    del network
    gc.collect()
    assert weight() is None


def test_what_stays_of_a_graph_does_not_hold_what_was_traced() -> None:
    network = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4)).eval()
    onnx_from_inputs(network, {"image": (torch.zeros(2, 16), {0: BATCH})}, outputs=["y"], name="toy")
    gc.collect()
    stayed = [one for one in gc.get_objects() if issubclass(type(one), ir.Node | ir.Value)]
    assert not [one.name for one in stayed if one.meta]
