"""A graph for frames of one size has one engine, whatever was asked for; so has one that sees no frames."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tests.engines.graphs import INFO, saved, stage_graph
from tests.engines.test_command import run
from trt_anime.cli.engines import build
from trt_anime.cli.engines.sources import Source
from trt_anime.engines import store
from trt_anime.engines.builder import StageGraph, engine_from_graph, fitted, stage_graph_from_file
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError, InputError
from trt_anime.framing import Framing, framing_of

FREE, OPEN = Framing(is_free=True), Profile(height=0, width=0, max_batch=2)


def text_graph() -> onnx.ModelProto:
    """`ids` int64 [batch, 4] -> `embedding` f32 [batch, 4]."""
    graph = helper.make_graph(
        [helper.make_node("Cast", ["ids"], ["embedding"], name="net/cast", to=TensorProto.FLOAT)],
        "text",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", 4])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 4])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, INFO.to_metadata())
    return model


def fixed_graph() -> onnx.ModelProto:
    """`stage_graph` with 96x64 written into it."""
    model = stage_graph()
    for value in (*model.graph.input, *model.graph.output):
        _, height, width, _ = value.type.tensor_type.shape.dim
        height.dim_value, width.dim_value = 64, 96
    return model


def of_values(*values: tuple[str, int, list[str | int]]) -> onnx.GraphProto:
    inputs = [helper.make_tensor_value_info(*value) for value in values]
    return helper.make_graph([], "g", inputs, [])


@pytest.mark.parametrize(
    ("graph", "framing"),
    [
        (stage_graph().graph, FREE),
        (fixed_graph().graph, Framing(is_free=False, size=(64, 96))),
        (text_graph().graph, Framing(is_free=False)),
        (of_values(("boxes", 1, ["batch", 4]), ("size", 7, [2])), FREE),
        (of_values(("mask", 2, [1, 1080, 1920]), ("given", 1, ["objects"])), Framing(False, (1080, 1920))),
        (of_values(("blocks", 2, [1, 256, 256])), Framing(is_free=False)),  # of a text, not of a frame
        (of_values(("labels", 6, ["batch", 100])), Framing(is_free=False)),
    ],
    ids=("free", "fixed", "text", "size as a value", "mask", "blocks", "numbers"),
)
def test_which_frames_a_graph_is_for(graph: onnx.GraphProto, framing: Framing) -> None:
    assert framing_of(graph) == framing


def read(model: onnx.ModelProto, folder: Path) -> StageGraph:
    return stage_graph_from_file(saved(model, folder))


def test_sizes_of_profiles(tmp_path: Path) -> None:
    asked = Profile(height=40, width=24, max_batch=2)
    free = read(stage_graph(), tmp_path)
    assert fitted(free, asked) == asked
    assert fitted(free, OPEN).frame == "1920x1080"
    fixed = read(fixed_graph(), tmp_path)
    assert fitted(fixed, OPEN).frame == "96x64"
    assert fitted(fixed, Profile(height=64, width=96, max_batch=3)).max_batch == 3
    text = read(text_graph(), tmp_path)
    assert fitted(text, asked) == fitted(text, OPEN) == OPEN
    assert OPEN.frame == "any"
    assert OPEN.takes(1, 2) and asked.takes(40, 24) and not asked.takes(24, 40)


def test_another_size_than_the_only_one_is_refused(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(fixed_graph(), tmp_path)
    words = ("build", "--graph", path, "--gpu", "sm89", "--size", "1280x720")
    assert run(*words) == InputError.exit_code
    said = capsys.readouterr().err
    assert "toy.onnx: takes frames of 96x64 alone" in said and "1280x720 was asked for" in said
    assert "leave --size out, or give --size 96x64" in said
    assert store.entries() == []


def test_graphs_of_models_have_their_own_size_instead(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make engines` asks for one size of all models."""
    pytest.importorskip("tensorrt_rtx")
    fixed = saved(fixed_graph(), tmp_path).rename(tmp_path / "merge.onnx")
    free = saved(stage_graph(), tmp_path)
    found = [Source("toy merge", fixed), Source("toy", free)]
    monkeypatch.setattr(build, "sources", lambda *_, **__: found)
    assert run("build", "toy", "--gpu", "sm89", "--precision", "fp32", "--size", "128x64") == 0
    said = capsys.readouterr().err
    assert "note: toy merge: takes frames of 96x64 alone, and is built for these" in said
    assert said.count("note: toy") == 1
    assert {entry.manifest.recipe.profile.frame for entry in store.entries()} == {"96x64", "128x64"}


def test_one_engine_for_every_size(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorrt_rtx")
    for model, frame, sizes in (
        (fixed_graph(), "96x64", ("96x64",)),
        (text_graph(), "any", ("96x64", "8x8")),
    ):
        words = ("build", "--graph", saved(model, tmp_path), "--gpu", "sm89", "--precision", "fp32")
        assert run(*words) == 0
        assert all(run(*words, "--size", size) == 0 for size in sizes)
        assert capsys.readouterr().out.count("there already") == len(sizes)
        (entry,) = (e for e in store.entries() if e.manifest.recipe.profile.frame == frame)
        assert entry.folder.name.startswith(f"matte-toy-{frame}-fp32-rtx-sm89-")
        assert run("list") == 0
        assert f"matte  toy    {frame} " in capsys.readouterr().out
    assert len(store.entries()) == 2


def test_size_that_does_not_divide(home: Path, tmp_path: Path) -> None:
    """The toy cuts frames into tiles of 8 x 8."""
    pytest.importorskip("tensorrt_rtx")
    graph = read(stage_graph(), tmp_path)
    profile = Profile(height=60, width=60, max_batch=2)
    with pytest.raises(
        EngineError, match=r"^toy\.onnx: .*don't divide into its parts; give a --size whose"
    ):
        engine_from_graph(
            graph, Target("rtx", 89), precision="fp32", profile=profile, on_progress=lambda share: None
        )
