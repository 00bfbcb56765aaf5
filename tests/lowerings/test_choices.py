"""A lowering that is chosen is applied, and written down in the graph."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from tests.engines.graphs import INFO
from tests.lowerings.test_grid_sample import grid_sample, kinds
from trt_anime.errors import InputError
from trt_anime.export.lowerings.choices import LOWERINGS, with_lowerings
from trt_anime.stage import StageInfo


@pytest.fixture
def graph() -> onnx.ModelProto:
    model = grid_sample()
    onnx.helper.set_model_props(model, {**INFO.to_metadata(), "somebody": "else"})
    return model


@pytest.mark.parametrize(("form", "kind"), [("gather", "GatherND"), ("grid_sample", "GridSample")])
def test_applied_and_recorded(graph: onnx.ModelProto, form: str, kind: str) -> None:
    before = graph.SerializeToString(deterministic=True)
    result = with_lowerings(graph, {"deformable_attention": form})
    assert graph.SerializeToString(deterministic=True) == before
    assert kind in kinds(result)
    assert info(result).lowerings == {"deformable_attention": form}
    assert metadata(result)["somebody"] == "else"


def test_earlier_choices_stay(graph: onnx.ModelProto) -> None:
    earlier = replace(INFO, lowerings={"fft": "dft"})
    onnx.helper.set_model_props(graph, earlier.to_metadata())
    result = with_lowerings(graph, {"deformable_attention": "gather"})
    assert info(result).lowerings == {"fft": "dft", "deformable_attention": "gather"}
    assert with_lowerings(graph, {}) == graph


@pytest.mark.parametrize("choice", [{"deformable_attention": "plugin"}, {"attention": "gather"}])
def test_unknown_choice(graph: onnx.ModelProto, choice: dict[str, str]) -> None:
    (operator, form), *_ = choice.items()
    with pytest.raises(InputError, match=f"no lowering {operator}={form}; choose from") as raised:
        with_lowerings(graph, choice)
    for one, forms in LOWERINGS.items():
        assert all(f"{one}={other}" in str(raised.value) for other in forms)


def test_not_a_stage_graph() -> None:
    with pytest.raises(InputError, match="not a stage graph"):
        with_lowerings(grid_sample(), {"deformable_attention": "gather"})


def info(model: onnx.ModelProto) -> StageInfo:
    return StageInfo.from_metadata(metadata(model), source=Path("it"))


def metadata(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}
