"""The published configurations with random weights: tokens, not only logits, are the library's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from tests.caption.library import generated
from tests.caption.small import WEIGHTS, frames_of, graphs_in
from trt_anime.export.caption.check import prompt_of, run
from trt_anime.export.caption.reference import bare_network
from trt_anime.export.caption.streamed import stream_weights
from trt_anime.export.caption.synthetic import synthetic_checkpoint
from trt_anime.export.caption.weights import Checkpoint
from trt_anime.export.catalogue import get
from trt_anime.export.recipes.caption import Captioning
from trt_anime.runtime.captions.options import Rows, Scores, SearchOptions
from trt_anime.runtime.captions.search import captions_of

pytestmark = pytest.mark.stress


class OnePicture:
    """A `Language` of one picture whose weights stay as they are on disk: 2.7 billion fit nowhere twice."""

    def __init__(self, folder: Path, graphs: Mapping[str, onnx.ModelProto], recipe: Captioning) -> None:
        self._folder, self._graphs, self._recipe = folder, graphs, recipe
        self._step: Any = None

    def ask(self, frame: Any, prompt: list[int]) -> None:
        weights = self._folder / WEIGHTS
        prefix = run(self._graphs["vision"], weights, {"frame": frame[None]})["prefix"]
        self._read = run(self._graphs["prefill"], weights, prompt_of(self._recipe, prefix, prompt))

    def start(self) -> Scores:
        beams = self._recipe.beams
        self._position = int(self._read["position"][0])
        self._feeds = {}
        for name, values in self._read.items():
            if name.startswith(("key_", "value_")):
                self._feeds[name] = np.repeat(values[:, None], beams, axis=1)
            elif name.startswith("picture_"):
                self._feeds[name] = values
        logits: Scores = self._read["logits"]
        return logits

    def step(self, tokens: Rows, origin: Rows) -> Scores:
        beams, count = self._recipe.beams, len(tokens)
        rows = {"token": tokens, "origin": origin}
        feeds = {name: np.resize(values, (1, beams)).astype(np.int32) for name, values in rows.items()}
        feeds["position"] = np.full((1, beams), self._position, np.int32)
        found = self._session().run(None, {**self._feeds, **feeds})
        made = dict(zip([output.name for output in self._session().get_outputs()], found, strict=True))
        logits: Scores = made.pop("logits")
        self._feeds |= {name.removeprefix("new_"): values for name, values in made.items()}
        self._position += 1
        return logits[0, :count]

    def _session(self) -> Any:
        if self._step is None:
            options = ort.SessionOptions()
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
            options.enable_cpu_mem_arena = options.enable_mem_pattern = False
            options.add_session_config_entry("session.disable_prepacking", "1")
            self._step = ort.InferenceSession(self._folder / "step.onnx", options)
        return self._step


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", ["blip-base", "blip2-opt-2.7b"])
def test_tokens_are_those_of_the_library(name: str, tmp_path: Path) -> None:
    row = get(name)
    recipe = row.recipe_as(Captioning)
    path = tmp_path / row.files[0].filename
    synthetic_checkpoint(row, path, seed=7)
    weights = Checkpoint(path, name)
    ours = OnePicture(tmp_path, graphs_in(tmp_path, name, weights, recipe=recipe), recipe)
    frame, prompt = frames_of(recipe, 1)[0], [recipe.decoder.start, 100, 200]
    ours.ask(frame, prompt)
    searches = [SearchOptions(stop=recipe.decoder.stop, most=4, beams=beams) for beams in (1, 3)]
    found = [captions_of(ours, options)[0].tokens for options in searches]
    del ours
    network: Any = bare_network(recipe)
    stream_weights(network, weights)
    with torch.no_grad():
        expected = [generated(network, recipe, frame, prompt, options) for options in searches]
    assert found == expected
