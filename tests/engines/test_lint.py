"""What can't be built is said before any work on it, by target, with what to do; ours has none of it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.engines.graphs import saved, stage_graph
from tests.engines.test_command import run
from trt_anime.cli.export import _buildable
from trt_anime.engines import builder, flavours, lint
from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
from trt_anime.engines.lint import refused_by_targets
from trt_anime.engines.manifest import Profile
from trt_anime.engines.specialise import specialised
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError, MissingError
from trt_anime.limits import is_read

SM89, SM90 = Target("rtx", 89), Target("trt", 90)
Change = Callable[[onnx.ModelProto], None]


def with_node(kind: str, domain: str = "") -> Change:
    """The network's `Relu` as another operator."""

    def change(model: onnx.ModelProto) -> None:
        relu = next(node for node in model.graph.node if node.op_type == "Relu")
        relu.op_type, relu.domain = kind, domain
        if domain:
            model.opset_import.append(helper.make_opsetid(domain, 1))

    return change


def with_opset(number: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = number

    return change


def with_ir(number: int) -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.ir_version = number

    return change


def inside_an_if(kind: str) -> Change:
    """`kind` in a branch that is taken or not by the brightness of the frame."""

    def change(model: onnx.ModelProto) -> None:
        relu = next(node for node in model.graph.node if node.op_type == "Relu")
        source, result = relu.input[0], relu.output[0]
        branches = {}
        for number, operator in enumerate((kind, "Relu")):
            out = helper.make_tensor_value_info(f"branch{number}", TensorProto.FLOAT, None)
            node = helper.make_node(operator, [source], [out.name], name=f"in/{operator}")
            branches["then_branch" if number == 0 else "else_branch"] = helper.make_graph(
                [node], f"b{number}", [], [out]
            )
        nodes = [
            helper.make_node("ReduceMax", [source], ["brightest"], keepdims=0),
            helper.make_node("Cast", ["brightest"], ["is_bright"], to=TensorProto.BOOL),
            helper.make_node("If", ["is_bright"], [result], name="if", **branches),
        ]
        index = list(model.graph.node).index(relu)
        rest = list(model.graph.node)
        rest[index : index + 1] = nodes
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in rest]
        del model.graph.node[:]
        model.graph.node.extend(copies)

    return change


# What is wrong -> how the sentence about it begins, and what it advises. The same for both libraries.
WRONG: dict[str, tuple[Change, str]] = {
    "plugin": (with_node("MultiscaleDeformableAttnPlugin_TRT"), r"Plugin_TRT '.*plugin.*with Gather, as"),
    "plugin's domain": (
        with_node("MSDeformAttn", "trt.plugins"),
        r"MSDeformAttn '.*': its domain trt\.plugins isn't ONNX's.*with Gather",
    ),
    "foreign": (
        with_node("BiasGelu", "com.microsoft"),
        r"BiasGelu '.*': its domain com\.microsoft isn't ONNX's.*own operators",
    ),
    "looks like ours": (with_node("Gelu", "com.microsoft"), r"Gelu '.*': its domain com\.microsoft"),
    "invented": (with_node("Frobnicate"), r"Frobnicate '.*': is no operator of ONNX"),
    "of a later opset": (with_node("Swish"), r"Swish '.*': ONNX has it as of opset 24.* is of opset 20"),
    "Det": (with_node("Det"), r"Det '.*': write it out"),
    "Unique": (with_node("Unique"), r"Unique '.*': its output size depends on the data"),
    "in a branch": (inside_an_if("Det"), r"Det 'in/Det': write it out"),
    "plugin in a branch": (inside_an_if("Nms_TRT"), r"Nms_TRT 'in/Nms_TRT': is a plugin"),
    "opset 99": (with_opset(99), "written in opset 99, and TensorRT knows 9 to 25"),
    "opset 27": (with_opset(27), "written in opset 27, and TensorRT knows 9 to 25"),
    "opset 8": (with_opset(8), "written in opset 8, and TensorRT knows 9 to 25"),
    "not its opset": (with_opset(9), r"in opset 9.*the graph names the wrong opset"),
    "IR 99": (with_ir(99), f"written in IR version 99, and 3 to {onnx.IR_VERSION} are known"),
    "IR 2": (with_ir(2), "written in IR version 2"),
}


@pytest.fixture
def alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may be done but to look; engines for a GPU that isn't here may be asked for."""

    def too_late(*arguments: object, **options: object) -> None:
        raise AssertionError("work was begun on a graph that can't be built")

    for name in ("specialised", "typed_for", "recipe_of"):
        monkeypatch.setattr(builder, name, too_late)
    monkeypatch.setattr(flavours, "require_buildable", lambda target: None)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("target", [SM89, SM90], ids=lambda target: target.name)
@pytest.mark.parametrize("what", WRONG)
def test_said_before_any_work(what: str, target: Target, tmp_path: Path) -> None:
    change, words = WRONG[what]
    model = stage_graph()
    change(model)
    graph = stage_graph_from_file(saved(model, tmp_path))
    profile = Profile(height=64, width=96, max_batch=1)
    with pytest.raises(EngineError, match=rf"^toy\.onnx: no engine for {target.name}: .*{words}"):
        engine_from_graph(graph, target, precision="fp16", profile=profile, on_progress=lambda share: None)


def test_ours_is_refused_by_nobody() -> None:
    found = refused_by_targets(stage_graph(), (SM89, SM90, Target("rtx", 75)))
    assert found == {SM89: [], SM90: [], Target("rtx", 75): []}


def test_gpu_types_differ() -> None:
    found = refused_by_targets(stage_graph(matmul=True), (Target("rtx", 75), SM89))
    assert [refusal.operator for refusal in found[Target("rtx", 75)]] == ["MatMul"]
    assert found[SM89] == []
    untyped = refused_by_targets(stage_graph(matmul=True), (Target("rtx", 75),), is_typed=False)
    assert untyped[Target("rtx", 75)] == []  # FP16 cures it


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
def test_both_spellings_of_our_domain(domain: str) -> None:
    model = stage_graph()
    with_node("Relu", domain)(model)
    assert refused_by_targets(model, (SM89,)) == {SM89: []}


def test_constants_are_folded_first() -> None:
    """NonZero of a constant is gone when the builder comes; NonZero of pixels isn't."""
    model = stage_graph()
    relu = next(node for node in model.graph.node if node.op_type == "Relu")
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, 1, 0], np.float32), "three"))
    relu.op_type = "Add"
    relu.input.append("shift")
    extra = [
        helper.make_node("NonZero", ["three"], ["where"], name="of/constant"),
        helper.make_node("Cast", ["where"], ["shift"], to=TensorProto.FLOAT),
    ]
    nodes = [*extra, *(onnx.NodeProto.FromString(node.SerializeToString()) for node in model.graph.node)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    assert refused_by_targets(model, (SM89,)) == {SM89: []}
    assert [r.operator for r in refused_by_targets(model, (SM89,), folds=False)[SM89]] == ["NonZero"]
    fixed = specialised(model, height=64, width=96)
    assert refused_by_targets(fixed, (SM89,), folds=False) == {SM89: []}


def test_functions_that_the_model_brings() -> None:
    model = stage_graph()
    with_node("Soft", "mine")(model)
    for kind, refused in (("Relu", []), ("Det", ["Det"])):
        body = helper.make_node(kind, ["a"], ["b"], name="body")
        function = helper.make_function("mine", "Soft", ["a"], ["b"], [body], [helper.make_opsetid("", 20)])
        del model.functions[:]
        model.functions.append(function)
        assert [refusal.operator for refusal in refused_by_targets(model, (SM89,))[SM89]] == refused


def test_list_is_what_the_parser_says() -> None:
    """Where no library is installed, the list speaks for its parser."""
    pytest.importorskip("tensorrt_rtx")
    reads = lint._reads("rtx")
    assert reads is not None
    names = {s.name for s in onnx.defs.get_all_schemas() if not s.domain and onnx.defs.has(s.name, 25, "")}
    assert len(names) > 190
    assert {name for name in names if not reads(name)} == {name for name in names if not is_read(name)}


def test_library_that_is_installed_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flavours, "load", fake_library(reads=lambda name: name != "TopK"))
    assert [r.operator for r in refused_by_targets(stage_graph(), (SM90,))[SM90]] == ["TopK"]
    model = stage_graph()
    with_node("Det")(model)
    assert [r.operator for r in refused_by_targets(model, (SM90,))[SM90]] == ["TopK"]


@pytest.mark.parametrize("lack", ["library", "GPU"])
def test_library_that_cannot_be_asked(lack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without = fake_library(reads=None)
    monkeypatch.setattr(flavours, "load", without if lack == "GPU" else not_installed)
    model = stage_graph()
    with_node("Det")(model)
    assert [r.operator for r in refused_by_targets(model, (SM90,))[SM90]] == ["Det"]


def test_what_tensorrt_has_and_rtx_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flavours, "load", not_installed)
    model = stage_graph()
    with_node("NonZero")(model)
    found = refused_by_targets(model, (SM89, SM90))
    assert [refusal.operator for refusal in found[SM89]] == ["NonZero"]
    assert found[SM90] == []


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of any ONNX file: users' graphs needn't be stage graphs yet."""
    model = stage_graph(matmul=True)
    del model.metadata_props[:]
    path = saved(model, tmp_path)
    assert run("lint", path, "--gpu", "sm89") == 0
    assert capsys.readouterr().out == "rtx-sm89: nothing in it is refused\n"
    assert run("lint", path, "--gpu", "sm75,sm89") == 1
    said = capsys.readouterr()
    first, second = said.out.splitlines()
    assert first.startswith("rtx-sm75: MatMul 'net/MatMul_0': sm75 has no FP32 matrix product; build fp16")
    assert second == "rtx-sm89: nothing in it is refused"
    assert said.err.endswith("toy.onnx: can't be built for rtx-sm75, reasons above\n")
    assert run("lint", tmp_path / "none.onnx") == 2


def not_installed(flavour: str) -> None:
    raise MissingError("not here")


def fake_library(*, reads: Callable[[str], bool] | None) -> Callable[[str], Any]:
    """A TensorRT whose parser reads what `reads` says; without it, one that finds no GPU."""
    network = SimpleNamespace(create_network=lambda: object())
    return lambda flavour: SimpleNamespace(
        ILogger=type("ILogger", (), {"ERROR": 1, "INTERNAL_ERROR": 0, "WARNING": 2}),
        Builder=lambda log: network if reads else None,
        OnnxParser=lambda network, log: SimpleNamespace(supports_operator=reads),
    )


def test_what_export_says_of_nodes(tmp_path: Path) -> None:
    assert _buildable(saved(stage_graph(), tmp_path)) == (
        "all can be built by TensorRT-RTX, for every GPU type"
    )
    assert _buildable(saved(stage_graph(matmul=True), tmp_path)) == (
        "all can be built for rtx-sm80, rtx-sm86, rtx-sm89, rtx-sm120, rtx-sm121; rtx-sm75 refuses 1 of"
        " them, such as MatMul 'net/MatMul_0': sm75 has no FP32 matrix product; build fp16 with this one in"
        " it, or leave sm75 out"
    )
