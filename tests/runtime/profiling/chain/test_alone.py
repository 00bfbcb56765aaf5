"""Networks beside stage 2a's are measured by themselves, as they were opened in the run."""

from pathlib import Path
from typing import Any

import pytest

from tests.runtime.media import stage_graph
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.networks import ModelFiles
from trt_anime.runtime.passes.record import ChainRecord, PassRecord
from trt_anime.runtime.profiling.alone import Alone
from trt_anime.runtime.profiling.ceilings import Ceiling
from trt_anime.runtime.profiling.chain.alone import measure_networks
from trt_anime.runtime.profiling.layers import Layer
from trt_anime.runtime.profiling.roofline import roofline


def row(stage: str, model: str, runs: int) -> dict[str, Any]:
    return {"stage": stage, "model": model, "graph": "matte", "runs": runs}


@pytest.fixture
def record() -> ChainRecord:
    passes = [
        PassRecord("matte", "2a", networks=[row("2a", "main", 9)]),
        PassRecord("segment", "1", networks=[row("1", "right", 2), row("1", "idle", 0)]),
        PassRecord("track", "3", networks=[row("1", "right", 4), row("3", "broken", 1)]),
    ]
    record = ChainRecord({"height": 18, "width": 32}, {}, {}, {}, "now")
    record.passes = passes
    return record


def test_each_network_that_ran_is_measured_once_and_what_can_not_be_is_said(
    record: ChainRecord, tmp_path: Path
) -> None:
    (tmp_path / "broken.onnx").write_text("no graph")
    right = stage_graph(tmp_path / "right.onnx")

    def files(model: str) -> ModelFiles:
        return ModelFiles({"matte": right if model == "right" else tmp_path / "broken.onnx"})

    found = Alone(threads=1)
    options = ProcessOptions(input=tmp_path / "film.mp4", output=tmp_path, device="cpu", threads=1)
    measure_networks(found, options, record, files)
    assert list(found.layers) == ["1 right matte"]
    _, layers = found.layers["1 right matte"]
    assert {"Split", "Concat"} <= {layer.kind for layer in layers}
    assert any("1x18x32x3" in shape for layer in layers for shape in layer.inputs)
    (notice,) = found.notices
    assert notice.startswith("stage 3 broken matte: could not be opened by itself")


def test_a_roofline_has_a_point_for_each_network_and_parts_of_the_first_alone() -> None:
    def layer(part: str) -> Layer:
        return Layer(part, "Conv", part, 2.0, (), (), 4_000_000, 1_000_000)

    layers = {"2a": [layer("pre"), layer("net")], "1 sam image": [layer("net"), layer("post")]}
    roofs = [Ceiling("copy", "bytes/s", 1e9, 1), Ceiling("matmul", "operations/s", 1e10, 1, "fp32")]
    points = roofline(layers, roofs, 1)["points"]
    assert [(one["name"], one["ms"]) for one in points if one["level"] == "stage"] == [
        ("stage 2a", 4.0),
        ("stage 1 sam image", 4.0),
    ]
    assert {one["name"] for one in points if one["level"] == "part"} == {"2a pre", "2a net"}
