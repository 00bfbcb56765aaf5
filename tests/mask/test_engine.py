"""Both graphs of the stage mask through TensorRT-RTX: boxes of a fixed number, a size that is no input."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.engines.building import built
from tests.mask.pieces import MODELS, example, run, sessions, small
from tests.matte.pieces import session_of
from trt_anime.engines.manifest import Manifest, Precision
from trt_anime.engines.specialise import specialised

pytest.importorskip("tensorrt_rtx")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stage", ["image", "mask"])
def test_both_graphs_build(home: Path, tmp_path: Path, stage: str, model: str) -> None:
    manifest = _built(_graph(model, stage), tmp_path, 89, "fp32")
    assert manifest.layer_precision and manifest.recipe.stage == stage


@pytest.mark.parametrize("stage", ["image", "mask"])
def test_turing_builds_fp16(home: Path, tmp_path: Path, stage: str) -> None:
    manifest = _built(_graph("mobile-sam", stage), tmp_path, 75, "fp16")
    assert manifest.layer_precision and manifest.layer_precision.get("float16")


def test_an_engines_graph_has_boxes_of_a_number_and_no_size() -> None:
    fixed = specialised(small("mobile-sam").mask, height=75, width=127)
    shapes = {
        value.name: [d.dim_value or d.dim_param for d in value.type.tensor_type.shape.dim]
        for value in (*fixed.graph.input, *fixed.graph.output)
    }
    assert shapes == {
        "embedding": ["batch", 32, 8, 8],
        "boxes": ["batch", 3, 4],
        "mask": ["batch", 3, 75, 127],
        "quality": ["batch", 3],
    }
    frames, boxes = example(75, 127)
    embedding = sessions("mobile-sam")[0].run(None, {"frame": frames})[0]
    found = session_of(fixed).run(["mask"], {"embedding": embedding, "boxes": boxes})[0]
    assert np.abs(np.asarray(found, int) - run("mobile-sam", frames, boxes)["mask"]).max() <= 1


def _graph(model: str, stage: str) -> onnx.ModelProto:
    made = small(model)
    return made.image if stage == "image" else made.mask


def _built(graph: onnx.ModelProto, folder: Path, capability: int, precision: Precision) -> Manifest:
    onnx.save(graph, folder / "graph.onnx")
    return built(folder / "graph.onnx", capability, precision)
