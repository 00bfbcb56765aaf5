"""`calibrate --precision fp16` of captioning models: written by the exporter, judged like all others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.caption.small import NAMES, RECIPES, row
from trt_anime import paths, typed
from trt_anime.cli.calibrate.work import Work
from trt_anime.engines.builder import pinned
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError
from trt_anime.export import catalogue, checkpoints, graphs
from trt_anime.export.caption.compose import caption_graphs
from trt_anime.export.caption.storage import WeightFile
from trt_anime.export.caption.synthetic import synthetic_checkpoint
from trt_anime.export.caption.weights import Checkpoint
from trt_anime.export.recipes.caption import Captioning
from trt_anime.hollow import weight_files

CLIP = Path(__file__).parents[2] / "samples" / "first_light.mp4"
STAGES = ("vision", "prefill", "step")


@pytest.fixture
def found(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Path]:
    """The three graphs of a small model, whose checkpoint is in float16 or in float32."""
    name, dtype = request.param
    recipe = RECIPES[name]
    small = row(name, replace(recipe, decoder=replace(recipe.decoder, vocabulary=128)))
    monkeypatch.setitem(catalogue.CATALOGUE, name, small)
    path = tmp_path / small.files[0].filename
    synthetic_checkpoint(small, path, seed=5, dtype=dtype)
    checkpoints.import_file(small, path)
    return list(graphs.ensure(name).values())


def work(files: list[Path]) -> Work:
    before = {path: files[:number] for number, path in enumerate(files)}
    return Work([CLIP], before=before, seed=0, method=None, again=False, say=lambda words: None)


@pytest.mark.parametrize("found", [(NAMES[0], "float16"), (NAMES[1], "float32")], indirect=True)
def test_all_three_are_typed_near_enough_to_fp32(found: list[Path]) -> None:
    session = work(found)
    made = [session.typed(path, "fp16", "tensorrt") for path in found]
    for graph, source, stage in zip(made, found, STAGES, strict=True):
        record = graph.record
        assert (record.stage, record.method, record.in_use) == (stage, "written", True)
        [metric] = [m for m in record.parity.metrics if m.name == "relative_error"]
        assert 1e-3 < metric.value < 0.5  # percent: nothing was rounded, or too much
        assert record.shares["float16"] > 0.1
        model = onnx.load(graph.graph, load_external_data=False)
        assert weight_files(model, graph.graph) == [graph.weights]
        fixed = pinned(graph.graph, record.graph_sha256, 96, 160, "rtx")
        assert fixed.beside == graph.graph and not fixed.refused[Target("rtx", 75)]
        assert work(found).typed(source, "fp16", "tensorrt").record == record
    assert not [path for path in paths.typed().iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("found", [(NAMES[0], "float16")], indirect=True)
def test_weights_that_are_in_fp16_already_take_no_more_room(found: list[Path]) -> None:
    graph = work(found).typed(found[0], "fp16", "tensorrt")
    [kept] = paths.graphs().glob("*.weights")
    assert graph.weights.samefile(kept)
    small = catalogue.get(NAMES[0])
    [checkpoint] = checkpoints.stored(small)
    file = WeightFile(Checkpoint(checkpoint, small.name), "anew", matrices=np.dtype(np.float16))
    recipe = small.recipe_as(Captioning)
    caption_graphs(recipe, file, model="", checkpoint_sha256="", licence="", precision="fp16")
    assert file.write(paths.graphs()).read_bytes() == kept.read_bytes()


@pytest.mark.parametrize("found", [(NAMES[1], "float32")], indirect=True)
def test_what_goes_wrong(found: list[Path]) -> None:
    with pytest.raises(EngineError, match="blip-base: captioning graphs are written in FP16 only"):
        work(found).typed(found[0], "int8", "tensorrt")
    made = work(found).typed(found[0], "fp16", "tensorrt")
    made.weights.write_bytes(b"cut short")
    assert typed.find(made.record.source_sha256, precision="fp16", form="tensorrt") is None
