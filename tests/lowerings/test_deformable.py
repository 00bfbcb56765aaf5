"""Deformable attention of real networks in both forms: equal to PyTorch, and built for every generation."""

from collections.abc import Callable
from functools import cache

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession

from tests.lowerings import deformable_graphs
from tests.lowerings.deformable_graphs import Exported
from trt_anime.calibration.fp16 import fp16_from_fp32
from trt_anime.engines.compiler import compiled
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
from trt_anime.export.lowerings.grid_sample import gather_from_grid_sample
from trt_anime.limits import unbuildable

# Network -> its GridSample nodes: one for each level in each layer.
NETWORKS: dict[str, tuple[Callable[[], Exported], int]] = {
    "GroundingDINO": (deformable_graphs.grounding_dino, 3),
    "Mask2Former": (deformable_graphs.mask2former, 3),
}
FORMS: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "grid_sample": lambda model: model,
    "gather": gather_from_grid_sample,
}
NAMES = pytest.mark.parametrize("name", NETWORKS)
FORM = pytest.mark.parametrize("form", FORMS)


@NAMES
@FORM
def test_equal_to_pytorch(name: str, form: str) -> None:
    exported = network(name)
    results = outputs(FORMS[form](exported.model), exported)
    for output, expected in exported.expected.items():
        np.testing.assert_allclose(results[output], expected, rtol=2e-5, atol=1e-4, err_msg=output)


@NAMES
def test_forms_are_equal(name: str) -> None:
    exported = network(name)
    one, other = (outputs(lower(exported.model), exported) for lower in FORMS.values())
    for output in exported.expected:
        np.testing.assert_allclose(one[output], other[output], rtol=2e-5, atol=1e-4, err_msg=output)


@NAMES
def test_every_grid_sample_is_replaced(name: str) -> None:
    model, count = network(name).model, NETWORKS[name][1]
    assert sum(node.op_type == "GridSample" for node in model.graph.node) == count
    lowered = gather_from_grid_sample(model)
    assert not any(node.op_type == "GridSample" for node in lowered.graph.node)
    assert all(node.name.startswith("net/") for node in lowered.graph.node)
    assert unbuildable(lowered) == []


@FORM
def test_built(form: str) -> None:
    """The attention alone; Mask2Former's whole stage graph is built in `tests.segment`."""
    _build("GroundingDINO", form, 89)


@pytest.mark.stress
@NAMES
@FORM
@pytest.mark.parametrize("capability", [75, 89, 120])
def test_built_for_every_generation(name: str, form: str, capability: int) -> None:
    _build(name, form, capability)


def _build(name: str, form: str, capability: int) -> None:
    """In FP16, in which every target has a matrix product."""
    pytest.importorskip("tensorrt_rtx")
    profile = Profile(height=64, width=64, max_batch=4)
    target = Target("rtx", capability)
    assert compiled(typed(name, form), target, profile, report=lambda share: True).engine


@cache
def typed(name: str, form: str) -> bytes:
    half: bytes = fp16_from_fp32(FORMS[form](network(name).model)).SerializeToString()
    return half


@cache
def network(name: str) -> Exported:
    return NETWORKS[name][0]()


def outputs(model: onnx.ModelProto, exported: Exported) -> deformable_graphs.Arrays:
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = list(exported.expected)
    results = session.run(names, exported.inputs)
    return {name: np.asarray(value) for name, value in zip(names, results, strict=True)}
