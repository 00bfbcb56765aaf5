"""Engines are built from what was calibrated, and what is inside them is read back."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from tests.calibration import toys
from tests.engines.calibrated import FAILED, calibrated
from tests.engines.graphs import saved, stage_graph
from trt_anime.engines import store, worker
from trt_anime.engines.builder import Built, StageGraph, engine_from_graph, stage_graph_from_file
from trt_anime.engines.manifest import Precision, Profile, manifest_from_json
from trt_anime.engines.targets import RTX_CAPABILITIES, Target
from trt_anime.errors import EngineError, MissingError
from trt_anime.files import sha256_of
from trt_anime.limits import refused_by
from trt_anime.typed import TypedGraph

pytest.importorskip("tensorrt_rtx")

PROFILE = Profile(height=64, width=96, max_batch=4)


@pytest.fixture
def graph(home: Path, tmp_path: Path) -> StageGraph:
    """Two convolutions, not calibrated."""
    return stage_graph_from_file(saved(stage_graph(), tmp_path))


def build(graph: StageGraph, precision: Precision, capability: int = 89, **options: Any) -> Built:
    return engine_from_graph(
        graph,
        Target("rtx", capability),
        precision=precision,
        profile=PROFILE,
        on_progress=lambda share: None,
        **options,
    )


def test_what_is_inside(graph: StageGraph) -> None:
    for precision in ("int8", "fp8"):
        (typed,) = calibrated(graph.path, precision)
        built = build(graph, precision)
        manifest = built.entry.manifest
        kind = {"int8": "int8", "fp8": "float8"}[precision]
        assert manifest.product_precision == {kind: 1.0}
        assert manifest.graph_precision[kind] > 0 and manifest.graph_precision["float16"] > 0
        assert manifest.recipe.typed_sha256 == sha256_of(typed.graph) != graph.sha256
        assert manifest.parity == typed.record.parity and not manifest.forced
        assert built.notices == ()


def test_int8_that_a_gpu_type_computes_in_fp16(graph: StageGraph) -> None:
    """SM75 has no kernel for these convolutions, and TensorRT-RTX says nothing."""
    calibrated(graph.path, "int8")
    built = build(graph, "int8", 75)
    assert built.entry.manifest.product_precision == {"float16": 1.0}
    assert built.notices == (
        "toy int8 rtx-sm75: its products are computed in float16, only weights are int8; this GPU type"
        " gains nothing over fp16",
    )


def test_fp32_needs_no_calibration(graph: StageGraph) -> None:
    manifest = build(graph, "fp32").entry.manifest
    assert manifest.recipe.typed_sha256 == graph.sha256
    assert manifest.parity is None
    assert manifest.product_precision == {"float32": 1.0}


def test_what_is_not_calibrated(graph: StageGraph) -> None:
    calibrated(graph.path, "fp16")
    command = f"`trt-anime calibrate --graph {graph.path} --frames CLIP --precision int8`"
    with pytest.raises(MissingError, match="toy: no whole int8 graph of it is here; run ") as caught:
        build(graph, "int8")
    assert command in str(caught.value)
    assert store.entries() == []


def test_what_was_calibrated_for_a_cpu_is_not_for_tensorrt(graph: StageGraph) -> None:
    calibrated(graph.path, "int8", form="cpu")
    with pytest.raises(MissingError, match="no whole int8 graph"):
        build(graph, "int8")


def test_what_is_too_far_from_fp32(graph: StageGraph) -> None:
    (typed,) = calibrated(graph.path, "fp16", parity=FAILED, in_use=False)
    with pytest.raises(EngineError) as caught:
        build(graph, "fp16")
    assert str(caught.value).startswith(
        "toy: the fp16 graph is too far from FP32 (alpha_sad 3 where 0.5 is allowed); look at"
        f" {typed.picture}, run `trt-anime calibrate "
    )
    assert str(caught.value).endswith("or build it all the same with --force")
    assert store.entries() == []
    forced = build(graph, "fp16", force=True).entry
    assert forced.manifest.forced and forced.manifest.parity == FAILED
    text = (forced.folder / "manifest.json").read_text()
    assert manifest_from_json(text, source=forced.folder).forced


@pytest.mark.parametrize("harm", ["flipped", "cut", "gone", "no record", "another graph's"])
def test_a_damaged_typed_graph_is_refused(graph: StageGraph, tmp_path: Path, harm: str) -> None:
    (typed,) = calibrated(graph.path, "fp16")
    whole = typed.graph.read_bytes()
    if harm == "flipped":
        typed.graph.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif harm == "cut":
        typed.graph.write_bytes(whole[:-1])
    elif harm == "gone":
        typed.graph.unlink()
    elif harm == "no record":
        (typed.folder / "record.json").write_text("{}")
    else:
        (tmp_path / "other").mkdir()
        other = saved(stage_graph(matmul=True), tmp_path / "other")
        shutil.copytree(calibrated(other, "fp16")[0].folder, typed.folder, dirs_exist_ok=True)
    with pytest.raises(MissingError, match=r"no whole fp16 graph of it is here; run `trt-anime calibrate"):
        build(graph, "fp16")


def test_another_typed_graph_is_another_engine(graph: StageGraph, tmp_path: Path) -> None:
    """Calibrated again, with another result: what was built from the old one isn't taken for it."""
    (typed,) = calibrated(graph.path, "fp16")
    first = build(graph, "fp16")
    _put_in_place_of(typed, onnx.load(typed.graph))
    second = build(graph, "fp16")
    assert not second.cached
    assert second.entry.folder != first.entry.folder


def test_a_typed_graph_without_what_was_asked_for(graph: StageGraph) -> None:
    """By mistake or by forgery: FP32 under the name of FP16."""
    (typed,) = calibrated(graph.path, "fp16")
    _put_in_place_of(typed, onnx.load(graph.path))
    with pytest.raises(
        EngineError, match=r"toy.onnx: FP16 was asked for and none came out \(100% float32\)"
    ):
        build(graph, "fp16")


@pytest.mark.parametrize("precision", ["fp16", "int8", "fp8"])
def test_an_engine_that_came_out_fp32(
    graph: StageGraph, monkeypatch: pytest.MonkeyPatch, precision: Precision
) -> None:
    calibrated(graph.path, precision)
    real = worker.plan_from_onnx

    def widened(*arguments: Any, **options: Any) -> Any:
        plan = real(*arguments, **options)
        return replace(plan, layer_precision={"float32": 1.0}, product_precision={"float32": 1.0})

    monkeypatch.setattr(worker, "plan_from_onnx", widened)
    with pytest.raises(EngineError, match=f"{precision.upper()} was asked for and none came out"):
        build(graph, precision)
    assert store.entries() == []


def test_each_node_that_a_target_refuses_is_named(home: Path, tmp_path: Path) -> None:
    """Before anything is built, and only for the targets that it is about."""
    model = stage_graph(matmul=True)
    found = {capability: refused_by(model, capability) for capability in RTX_CAPABILITIES}
    assert [(one.operator, one.node) for one in found.pop(75)] == [("MatMul", "net/MatMul_0")]
    assert not any(found.values())
    model.graph.node.append(
        onnx.helper.make_node("NonZero", [model.graph.input[0].name], ["n"], name="late")
    )
    for capability in RTX_CAPABILITIES:
        assert any("use TopK" in one.why for one in refused_by(model, capability))
    eight = onnx.helper.make_node("Cast", ["n"], ["f"], name="eight", to=onnx.TensorProto.FLOAT8E4M3FN)
    model.graph.node.append(eight)
    assert {one.node for one in refused_by(model, 86)} == {"late", "eight"}
    assert {one.node for one in refused_by(model, 89)} == {"late"}


def test_fp32_matrix_product_on_sm75(home: Path, tmp_path: Path) -> None:
    """Named before anything is built; in FP16 it is built."""
    graph = stage_graph_from_file(saved(stage_graph(matmul=True), tmp_path))
    words = "rtx-sm75: MatMul 'net/MatMul_0': sm75 has no FP32 matrix product; build fp16 with this one"
    with pytest.raises(EngineError, match=words):
        build(graph, "fp32", 75)
    calibrated(graph.path, "fp16")
    assert build(graph, "fp16", 75).entry.manifest.product_precision == {"float16": 1.0}


@pytest.mark.parametrize("capability", [75, 120])
def test_values_beyond_fp16_stay_fp32_in_int8(home: Path, tmp_path: Path, capability: int) -> None:
    """Q/DQ in FP32 beside Q/DQ in FP16."""
    graph = stage_graph_from_file(toys.saved(toys.bright_matte("overflow"), tmp_path))
    calibrated(graph.path, "int8", islands=("net/Conv_2", "net/Relu_2", "net/Conv_3"))
    manifest = build(graph, "int8", capability).entry.manifest
    assert manifest.graph_precision.keys() == {"float16", "float32", "int8"}
    assert manifest.product_precision


def test_equal_bytes_in_two_processes(home: Path, graph: StageGraph, tmp_path: Path) -> None:
    """Calibrated once, built in two homes; both processes have other addresses and environments."""
    calibrated(graph.path, "int8")
    other = tmp_path / "other"
    shutil.copytree(home / "typed", other / "typed")
    built = []
    for folder in (home, other):
        command = [sys.executable, "-m", "trt_anime", "engines", "build", "--graph", str(graph.path)]
        command += ["--gpu", "sm89", "--precision", "int8", "--size", "96x64"]
        environment = os.environ | {"TRT_ANIME_HOME": str(folder), "PADDING": "x" * len(str(folder))}
        subprocess.run(command, env=environment, check=True, capture_output=True)
        (engine,) = (folder / "engines").glob("*/engine.plan")
        built.append(engine)
    assert built[0].parent.name == built[1].parent.name
    if store.entries()[0].manifest.reproducible:  # as far as the system lets a process have fixed addresses
        assert built[0].read_bytes() == built[1].read_bytes()


def _put_in_place_of(typed: TypedGraph, model: onnx.ModelProto) -> None:
    """Another graph, and the record says that it is the right one."""
    from trt_anime import typed as typed_graphs

    model.doc_string = "another"
    data = model.SerializeToString()
    typed.graph.write_bytes(data)
    record = replace(typed.record, graph_sha256=sha256_of(typed.graph))
    typed_graphs.install(record, data, b"")
