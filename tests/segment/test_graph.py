"""The stage graph of a small network against PyTorch, in both forms of deformable attention."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray

from tests.matte.pieces import drawings
from tests.segment.pieces import CLASSES, graph_for, network, row, rule_for
from trt_anime.export.check import check_nodes, difference_of, session_of
from trt_anime.export.segment.check import WINNERS, comparison_of
from trt_anime.export.segment.reference import SegmentReference
from trt_anime.stage import COORDINATES, NETWORK, StageInfo

TASK = pytest.mark.parametrize("task", ["panoptic", "instance", "semantic"])
FORMS: tuple[Literal["gather", "grid_sample"], ...] = ("gather", "grid_sample")


def run(session: ort.InferenceSession, frames: NDArray[np.uint8], threshold: float) -> dict[str, Any]:
    thresholds = np.full(len(frames), threshold, np.float32)
    results = session.run(None, {"frame": frames, "threshold": thresholds})
    return {value.name: array for value, array in zip(session.get_outputs(), results, strict=True)}


@TASK
def test_equal_to_pytorch(task: str) -> None:
    """Any batch and any frame size: smaller than the network's, larger, higher than wide."""
    rule = rule_for(task, CLASSES)
    session = session_of(graph_for(rule))
    reference = SegmentReference(network(), rule)
    for batch, height, width in ((2, 270, 482), (1, 50, 90), (3, 300, 111)):
        frames = drawings(batch, height, width)
        with torch.no_grad():
            expected = reference(torch.from_numpy(frames), 0.0).numpy()
        found = run(session, frames, 0.0)
        assert found["index"].shape == (batch, height, width)
        assert len(np.unique(expected)) > 2
        assert (found["index"] != expected).mean() < 1e-3


@TASK
def test_forms_are_equal(task: str) -> None:
    rule, frames = rule_for(task, CLASSES), drawings(2, 72, 128)
    one, other = (
        run(session_of(graph_for(replace(rule, deformable_attention=form))), frames, 0.2) for form in FORMS
    )
    assert (one["index"] != other["index"]).mean() < 1e-3
    np.testing.assert_allclose(one["scores"], other["scores"], atol=1e-5)
    assert np.array_equal(one["labels"], other["labels"])


def test_the_forms_are_what_they_say() -> None:
    operators = ("GatherND", "GridSample")
    for form, kind, other in zip(FORMS, operators, operators[::-1], strict=True):
        graph = graph_for(replace(rule_for("panoptic", CLASSES), deformable_attention=form))
        kinds = {node.op_type for node in graph.graph.node}
        assert kind in kinds and other not in kinds
        assert info(graph).lowerings == {"deformable_attention": form}


def test_comparison_with_torch() -> None:
    rule = rule_for("panoptic", CLASSES)
    model, graph = row(rule), graph_for(rule)
    check_nodes(graph, model)
    assert comparison_of(model, network())({"segment": graph}).mean < 1e-3


def test_another_winner_in_one_pixel_of_fifty_is_a_mistake() -> None:
    apart = np.zeros(1000, np.float32)
    apart[:5] = 1
    assert difference_of(apart, np.zeros_like(apart), WINNERS).passed
    apart[:20] = 1
    assert not difference_of(apart, np.zeros_like(apart), WINNERS).passed


@TASK
def test_it_describes_itself(task: str) -> None:
    rule = rule_for(task, CLASSES)
    graph = graph_for(rule)
    said = info(graph)
    assert (said.stage, said.model, said.task, said.things) == ("segment", "mask2former-tiny", task, 8)
    assert said.labels == rule.labels
    assert said.network_size == (64, 128)
    assert said.lowerings == {"deformable_attention": "gather"}
    assert set(said.output_ranges) == {value.name for value in graph.graph.output}
    assert [value.name for value in graph.graph.input] == ["frame", "threshold"]
    found = run(session_of(graph), drawings(1, 72, 128), 0.1)
    for name, (lowest, highest) in said.output_ranges.items():
        assert lowest <= found[name].min() and found[name].max() <= highest


@TASK
def test_products_are_the_network_s_and_positions_are_told(task: str) -> None:
    graph = graph_for(replace(rule_for(task, CLASSES), deformable_attention="grid_sample")).graph
    products = [node.name for node in graph.node if node.op_type in ("MatMul", "Gemm", "Einsum")]
    assert products and all(name.startswith(NETWORK) for name in products)
    makers = {name: node.name for node in graph.node for name in node.output}
    grids = [makers[node.input[1]] for node in graph.node if node.op_type == "GridSample"]
    assert len(grids) == 3 and all(COORDINATES in name for name in grids)
    assert len({node.name for node in graph.node}) == len(graph.node)
    assert not any(COORDINATES in name for name in products)


def info(graph: onnx.ModelProto) -> StageInfo:
    return StageInfo.from_metadata({e.key: e.value for e in graph.metadata_props}, source=Path("it"))
