import json
import sys
from pathlib import Path

import pytest

from tests.engines.graphs import saved, stage_graph
from tests.engines.records import ENGINE, MANIFEST
from trt_anime.cli import main
from trt_anime.engines import store


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
    words = ["build", "--graph", graph, "--gpu", "rtx4090", "--size", "96x64", "--max-batch", 2]
    assert run(*words) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("toy 96x64 fp16 rtx-sm89: built in ")
    assert captured.out.endswith(" MB\n")
    assert "rtx-sm89: 100%" in captured.err
    assert run(*words) == 0
    assert "toy 96x64 fp16 rtx-sm89: cache hit, " in capsys.readouterr().out
    assert run("list") == 0
    assert "matte  toy    96x64  1-2    fp16       rtx-sm89  " in capsys.readouterr().out


def test_one_that_fails_does_not_stop_the_others(
    home: Path, graph: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorrt_rtx")
    words = ["build", "--graph", graph, "--gpu", "sm75,sm89", "--size", "96x64", "--precision", "fp32"]
    assert run(*words) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("toy 96x64 fp32 rtx-sm89: built in ")
    assert "FP32 GEMM is not supported" in captured.err
    assert captured.err.endswith("error: 1 of 2 engines were not built, reasons above\n")


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
