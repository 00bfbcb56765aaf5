"""FP32 or INT8 on a CPU, and with what: by what was measured, asked for and installed."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tests.calibration.toys import bright_matte, saved
from tests.engines.calibrated import FAILED, calibrated
from trt_anime.errors import EngineError, MissingError
from trt_anime.runtime.sessions.cpu_choice import Choice, choice_for
from trt_anime.typed import Speed, TypedGraph

ORT = Speed("onnxruntime", 0.5, 1.0, 2.0, 1.8, 2.2)
OPENVINO = Speed("openvino", 0.3, 0.9, 3.0, 2.7, 3.2)
SLOW_ORT = Speed("onnxruntime", 1.0, 0.9, 0.9, 0.8, 1.1)


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    return saved(bright_matte(), tmp_path)


@pytest.fixture
def no_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "openvino" else real(name, *rest)
    )


def int8(graph: Path, *speeds: Speed, **facts: Any) -> TypedGraph:
    (typed,) = calibrated(graph, "int8", form="cpu", speeds=speeds, **facts)
    return typed


def choice(graph: Path, *, provider: str = "auto", precision: str | None = None) -> Choice:
    return choice_for("2a", graph, provider=provider, precision=precision)


def test_what_is_not_calibrated_runs_in_fp32(graph: Path) -> None:
    assert choice(graph) == Choice(graph, "onnxruntime", [])
    assert choice(graph, provider="openvino") == Choice(graph, "openvino", [])
    command = f"`trt-anime calibrate --graph {graph} --frames CLIP --precision int8`"
    with pytest.raises(MissingError, match=r"no whole int8 graph of bright\.onnx is here; run ") as caught:
        choice(graph, precision="int8")
    assert command in str(caught.value)


def test_int8_where_it_pays(graph: Path) -> None:
    pytest.importorskip("openvino")
    typed = int8(graph, ORT, OPENVINO)
    assert choice(graph) == Choice(
        typed.graph,
        "openvino",
        [
            "stage 2a runs in int8: near enough to FP32, and 3.00 times as fast as FP32 (2.70 to 3.20) with"
            " openvino; --precision fp32 for FP32"
        ],
    )
    assert choice(graph, precision="int8") == Choice(typed.graph, "openvino", [])
    assert choice(graph, precision="fp32") == Choice(graph, "onnxruntime", [])
    assert choice(graph, provider="onnxruntime").provider == "onnxruntime"
    assert "2.00 times as fast" in choice(graph, provider="onnxruntime").notices[0]


def test_int8_that_does_not_pay_is_for_those_who_ask(graph: Path) -> None:
    typed = int8(graph, SLOW_ORT, in_use=False)
    assert choice(graph) == Choice(graph, "onnxruntime", [])
    assert choice(graph, precision="int8") == Choice(typed.graph, "onnxruntime", [])


def test_a_provider_that_it_does_not_pay_with(graph: Path) -> None:
    """INT8 is in use for OpenVINO's sake; on ONNX Runtime FP32 is faster."""
    pytest.importorskip("openvino")
    typed = int8(graph, SLOW_ORT, OPENVINO)
    assert choice(graph).graph == typed.graph
    assert choice(graph, provider="onnxruntime") == Choice(graph, "onnxruntime", [])
    assert choice(graph, provider="onnxruntime", precision="int8").graph == typed.graph


def test_the_fastest_provider_is_not_installed(graph: Path, no_openvino: None) -> None:
    typed = int8(graph, ORT, OPENVINO)
    found = choice(graph)
    assert (found.graph, found.provider) == (typed.graph, "onnxruntime")
    assert found.notices[0].startswith("stage 2a runs in int8: near enough to FP32, and 2.00 times as fast")
    lacks = (
        "stage 2a: int8 was measured to be 3.00 times as fast as FP32 (2.70 to 3.20) with openvino, which"
        " is not installed; it needs `pip install 'trt-anime[openvino]'`"
    )
    assert found.notices[1:] == [lacks]
    assert choice(graph, precision="int8") == Choice(typed.graph, "onnxruntime", [lacks])


def test_the_only_provider_that_it_pays_with_is_not_installed(graph: Path, no_openvino: None) -> None:
    """FP32 then, and why."""
    int8(graph, SLOW_ORT, OPENVINO)
    found = choice(graph)
    assert (found.graph, found.provider, len(found.notices)) == (graph, "onnxruntime", 1)
    assert "openvino, which is not installed" in found.notices[0]


def test_what_is_too_far_from_fp32(graph: Path) -> None:
    typed = int8(graph, ORT, parity=FAILED, in_use=False)
    assert choice(graph) == Choice(graph, "onnxruntime", [])
    with pytest.raises(EngineError) as caught:
        choice(graph, precision="int8")
    assert f"{typed.graph} is too far from FP32 (alpha_sad 3 where 0.5 is allowed)" in str(caught.value)
    assert f"look at {typed.picture}" in str(caught.value)


def test_a_damaged_graph_is_not_used(graph: Path) -> None:
    typed = int8(graph, ORT)
    typed.graph.write_bytes(b"damaged")
    assert choice(graph) == Choice(graph, "onnxruntime", [])
    with pytest.raises(MissingError):
        choice(graph, precision="int8")


@pytest.mark.parametrize("precision", ["fp16", "fp8"])
def test_what_cpus_do_not_have(graph: Path, precision: str) -> None:
    int8(graph, ORT)
    assert choice(graph, precision=precision) == Choice(graph, "onnxruntime", [])


@pytest.mark.parametrize("precision", [None, "int8"])
def test_a_graph_that_can_not_be_read_is_left_to_its_session(graph: Path, precision: str | None) -> None:
    missing = graph.with_name("no.onnx")
    assert choice(missing, precision=precision) == Choice(missing, "onnxruntime", [])
