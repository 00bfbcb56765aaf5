"""Layers of an engine, by doubles of the GPU and of the library. What a real one tells was not seen."""

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.cli.engines.card import HEIGHT, WIDTH, Card, engine, machine_with_card
from tests.runtime.devices.cuda_fake import FakeDriver
from tests.runtime.media import picture, stage_graph, write_clip
from trt_anime.errors import EngineError
from trt_anime.runtime.devices.cuda_device import CudaDevice
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.profiling import alone
from trt_anime.runtime.profiling.ceilings_gpu import gpu_ceilings
from trt_anime.runtime.profiling.files import write_profile
from trt_anime.runtime.profiling.layers import timer_for
from trt_anime.runtime.profiling.layers_tensorrt import TensorRtTimer, described_by
from trt_anime.runtime.profiling.profiled import profile_clip
from trt_anime.runtime.sessions.tensorrt_engine import TensorRtSession

FRAME = {"frame": np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)}


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    return machine_with_card(monkeypatch)


@pytest.fixture
def timer(card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TensorRtTimer]:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    entry = engine(stage_graph(tmp_path / "matte.onnx"), "fp16")
    with CudaDevice(0) as device, TensorRtSession(entry, device, name="2a") as session:
        timer = timer_for(session, device, threads=1)
        assert isinstance(timer, TensorRtTimer)
        yield timer


def test_layers_are_the_graphs_nodes_with_shapes_types_and_bytes(timer: TensorRtTimer) -> None:
    inserted, conv, cast = timer.layers(FRAME)
    assert timer.title == "TensorRT-RTX's profiler, one run at a time"
    assert (inserted.name, inserted.kind, inserted.part) == ("__mye2305_0_myl0_0", "shape_call", "inserted")
    assert (inserted.ms, inserted.bytes) == (0.25, None)
    assert (conv.name, conv.kind, conv.part) == ("net/Conv_1 + net/Relu_2", "correlation", "net")
    assert (conv.inputs, conv.outputs) == (("float16 2x4x16x16",), ("float 2x8x16x16",))
    assert conv.bytes == 2 * 2 * 4 * 16 * 16 + 2 * 8 * 4 * 3 * 3 + 4 * 2 * 8 * 16 * 16
    assert conv.ms == 1.25
    assert (cast.name, cast.part, cast.inputs) == ("post/Cast_0", "post", ("float 2x8x16x16",))
    assert cast.bytes == 4 * 2 * 8 * 16 * 16 + 2 * 4 * 16 * 16


def test_a_profiler_that_tells_nothing(timer: TensorRtTimer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.runtime.sessions.doubles.REPORTED", ())
    with pytest.raises(EngineError, match="reported no layer"):
        timer.layers(FRAME)


def test_a_layer_that_the_inspector_does_not_list(timer: TensorRtTimer, card: Card) -> None:
    card.library.layers = '{"Layers": ["net/Conv_1_myl0_2"]}'  # an engine that was built without details
    conv = timer.layers(FRAME)[1]
    assert (conv.name, conv.kind, conv.part, conv.bytes) == ("net/Conv_1_myl0_2", "", "net", None)


@pytest.mark.parametrize(
    ("told", "words", "size"),
    [
        ({"Format/Datatype": "Thirty-two wide channel vectorized row major Int8 format"}, "int8 2x3", 6),
        ({"Format/Datatype": "Row major linear FP16 format"}, "float16 2x3", 12),
        ({"Format/Datatype": "Half"}, "float16 2x3", 12),
        ({"DataType": "BFloat16", "Format": "(Linear) Row major linear format"}, "bfloat16 2x3", 12),
        ({"Datatype": "FP4"}, "float4 2x3", 3),
        ({"Datatype": "a type of next year"}, "2x3", None),
    ],
)
def test_types_as_releases_write_them(told: dict[str, str], words: str, size: int | None) -> None:
    layer = {"Name": "one", "LayerType": "gemm", "Inputs": [{"Name": "a", "Dimensions": [2, 3], **told}]}
    found = described_by(json.dumps({"Layers": [layer]}))["one"]
    assert (found.inputs, found.bytes, found.kind) == ((words,), size, "gemm")


def test_many_nodes_in_one_kernel_are_counted() -> None:
    nodes = "\x1e".join(f"[ONNX Layer: net/Add_{number}]" for number in (1, 2, 2, 3, 4, 5))
    layer = {"Name": "__myl_fused", "Metadata": nodes}
    found = described_by(json.dumps({"Layers": [layer]}))["__myl_fused"].layer("__myl_fused", 1.0)
    assert (found.name, found.part) == ("net/Add_1 + net/Add_2 + net/Add_3 and 2 more", "net")


def test_a_profile_on_a_gpu_has_its_layers_ceilings_and_roofline(
    card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    wall = property(lambda driver: 1000 * time.perf_counter(), lambda driver, now: None)
    monkeypatch.setattr(FakeDriver, "clock", wall, raising=False)
    monkeypatch.setattr(alone, "gpu_ceilings", partial(gpu_ceilings, copy_bytes=1 << 20))
    graph = stage_graph(tmp_path / "matte.onnx")
    engine(graph, "fp16")
    frames = [picture(index, height=HEIGHT, width=WIDTH) for index in range(24)]
    options = ProcessOptions(
        input=write_clip(tmp_path / "clip.mp4", frames),
        output=tmp_path / "out",
        device="cuda:0",
        precision="fp16",
        held=False,
    )
    profile = profile_clip(options, graph=lambda stage: graph, runs=1)
    facts = profile.facts
    [stage] = facts["stages"]
    assert (stage["provider"], stage["precision"]) == ("TensorRT-RTX", "fp16")
    [group] = facts["layers"]
    assert group["measured"] == "TensorRT-RTX's profiler, one run at a time"
    assert [layer["part"] for layer in group["layers"]] == ["inserted", "net", "post"]
    ours = {one["name"] for one in facts["ceilings"] if one["threads"] == 0}
    assert ours == {"copy", "copy in", "copy out"}
    assert any("rate of fp16 products could not be measured" in one for one in facts["notices"])
    drawn = facts["roofline"]
    assert drawn["threads"] == 0 and [roof["name"] for roof in drawn["roofs"]] == ["copy"]
    assert [point["name"] for point in drawn["points"]] == ["stage 2a"]
    write_profile(tmp_path / "report", profile)
    assert "what this GPU reaches at best" in (tmp_path / "report" / "report.html").read_text()
