import json
import re
import sys
from pathlib import Path

import onnx
import pytest

from tests.engines.calibrated import calibrated
from tests.engines.graphs import saved, small_network, stage_graph
from tests.engines.records import ENGINE, MANIFEST
from trt_anime.cli import main
from trt_anime.engines import store
from trt_anime.export.catalogue import CATALOGUE


def run(*arguments: object) -> int:
    """The command line's exit code."""
    try:
        main(["engines", *map(str, arguments)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return saved(stage_graph(matmul=True), tmp_path)


def test_build_and_list(home: Path, graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorrt_rtx")
    calibrated(graph, "fp16")
    words = ["build", "--graph", graph, "--gpu", "rtx4090", "--size", "96x64", "--max-batch", 2]
    assert run(*words) == 0
    captured = capsys.readouterr()
    header, line, total = captured.out.splitlines()
    assert header.split() == ["MODEL", "PRECISION", "TARGET", "SIZE", "BUILD", "INSIDE", "PARITY"]
    assert re.fullmatch(
        r"toy +fp16 +rtx-sm89 +\d\.\d MB +\d+\.\d s +fp16 100 % +passed, alpha_sad 0\.1 % \(≤ 0\.5\)", line
    )
    assert total == "1 engine: 1 built"
    assert "rtx-sm89: 100%" in captured.err
    assert "toy 96x64 fp16 rtx-sm89: built in " in captured.err
    assert run(*words) == 0
    captured = capsys.readouterr()
    assert "  was there  " in captured.out and captured.out.endswith("1 engine: 1 there already\n")
    assert captured.err == ""
    assert run("list") == 0
    assert "matte  toy    96x64  1-2    fp16       rtx-sm89  " in capsys.readouterr().out


def test_one_that_fails_does_not_stop_the_others(
    home: Path, graph: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorrt_rtx")
    words = ["build", "--graph", graph, "--gpu", "sm75,sm89", "--size", "96x64", "--precision", "fp32"]
    assert run(*words) == 1
    captured = capsys.readouterr()
    assert captured.out.endswith("2 engines: 1 built, 1 failed\n")
    assert "error: toy 96x64 fp32 rtx-sm75: toy.onnx: no engine for rtx-sm75: " in captured.err
    assert "MatMul 'net/MatMul_0': sm75 has no FP32 matrix product" in captured.err
    assert captured.err.endswith("error: 1 of 2 engines was not built, reason above\n")


def test_nothing_came_out_for_one_kind_of_reason(
    home: Path, graph: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    assert run("build", "--graph", graph, "--gpu", "h100,b300", "--size", "96x64") == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("TensorRT builds only on such a GPU") == 2
    assert captured.err.endswith("error: 2 of 2 engines were not built, reasons above\n")


def test_build_as_json(home: Path, graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorrt_rtx")
    words = ["build", "--graph", graph, "--size", "96x64", "--precision", "fp32", "--json"]
    assert run(*words, "--gpu", "sm89") == 0
    capsys.readouterr()
    assert run(*words, "--gpu", "sm75,sm89,sm86", "--workers", 1) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [(row["target"], row["state"]) for row in rows] == [
        ("rtx-sm75", "failed"),
        ("rtx-sm89", "cached"),
        ("rtx-sm86", "built"),
    ]
    assert (
        "MatMul 'net/MatMul_0': sm75 has no FP32 matrix product" in rows[0]["error"]
        and rows[0]["manifest"] is None
    )
    for row in rows[1:]:
        (entry,) = [entry for entry in store.entries() if str(entry.engine) == row["path"]]
        assert row["manifest"] == json.loads(entry.manifest.to_json())
        assert (row["model"], row["precision"], row["error"]) == ("toy", "fp32", None)


def test_all_takes_what_is_here(
    home: Path, graph: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One model whose graph is here, one whose weights are broken, and the rest of the catalogue."""
    pytest.importorskip("tensorrt_rtx")
    words = ["build", "--all", "--gpu", "sm89", "--size", "640x360", "--precision", "fp32"]
    assert run(*words) == 3
    assert "bring one with `trt-anime models pull u2netp`" in capsys.readouterr().err
    _import(small_network(), "u2netp", graph.parent)
    _import(stage_graph(), "u2net", graph.parent)
    assert run(*words) == 1
    captured = capsys.readouterr()
    assert re.search(r"u2netp +fp32 +rtx-sm89 .* s +fp32", captured.out)
    assert re.search(r"u2net +fp32 +rtx-sm89 .*failed", captured.out)
    assert captured.out.endswith("2 engines: 1 built, 1 failed\n")
    left_out = ", ".join(name for name in CATALOGUE if name not in ("u2net", "u2netp"))
    assert f"note: left out, without weights here: {left_out}; `trt-anime models pull " in captured.err
    assert f"pull {left_out.replace(',', '')}` brings them" in captured.err
    assert "error: u2net: " in captured.err


def _import(model: onnx.ModelProto, name: str, folder: Path) -> None:
    from trt_anime.export import catalogue, checkpoints

    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    checkpoints.import_file(catalogue.get(name), path)


def test_list_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
    entry = store.install(MANIFEST, ENGINE)
    assert run("list", "--json") == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed.pop("path") == str(entry.engine)
    assert listed == json.loads(MANIFEST.to_json())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("--gpu rtx4099 --graph g", 2, "no such GPU type; did you mean rtx4090"),
        ("--gpu rtx4090 --graph g --size 1080", 2, "not a frame size"),
        ("--gpu rtx4090 --graph g --size 0x10", 2, "not a frame size"),
        ("--gpu rtx4090 --graph g --precision int4", 2, "not one of fp32, fp16, int8, fp8"),
        ("--gpu rtx4090", 2, "Name the models to build"),
        ("u2netp --gpu rtx4090 --graph g", 2, "not both"),
        ("u2netp --gpu rtx4090 --all", 2, "not both"),
        ("--gpu rtx4090 --all --graph g", 2, "not both"),
        ("--gpu rtx4090 --graph no.onnx", 2, "no.onnx: can't be read"),
        ("--gpu native --graph g", 3, "--gpu native needs an NVIDIA GPU"),
        ("--graph g", 3, "--gpu native needs an NVIDIA GPU"),
        ("--gpu h100 --graph g", 3, "trt-sm90: TensorRT-RTX has no target for this GPU"),
    ],
)
def test_what_is_refused(
    words: str,
    code: int,
    message: str,
    home: Path,
    graph: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    monkeypatch.chdir(graph.parent)
    graph.rename("g")
    assert run("build", *words.split()) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
