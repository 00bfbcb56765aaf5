"""Graphs and searches together give the library's captions, token for token."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.caption.library import generated
from tests.caption.small import NAMES, RECIPES, Captioner, captioner, checkpoint, frames_of, graphs_in
from trt_anime.export.caption.reference import network_from_checkpoint
from trt_anime.runtime.captions.options import SearchOptions

Early = bool | Literal["never"]


@pytest.fixture(scope="module", params=NAMES)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Captioner, Any]]:
    folder: Path = tmp_path_factory.mktemp("caption")
    weights = checkpoint(request.param, folder)
    graphs_in(folder, request.param, weights)
    network = network_from_checkpoint(RECIPES[request.param], weights)
    with captioner(folder) as ours:
        yield request.param, ours, network


@pytest.mark.parametrize(
    ("beams", "penalty", "early"),
    [
        (1, 1.0, False),
        (3, 1.0, False),
        (5, 1.0, False),
        (3, -1.0, False),
        (5, 2.0, "never"),
        (5, 0.3, True),
        (5, 0.0, "never"),
    ],
)
def test_captions_are_those_of_the_library(
    pair: tuple[str, Captioner, Any], beams: int, penalty: float, early: Early
) -> None:
    name, ours, network = pair
    recipe = RECIPES[name]
    seen = set()
    for seed in range(2):
        frames = frames_of(recipe, seed=seed)
        prompts = [[recipe.decoder.start, 9 + seed, 31], [recipe.decoder.start]]
        for stop in (recipe.decoder.stop, (11, 23, 40, 54)):
            options = SearchOptions(stop=stop, most=12, beams=beams, length_penalty=penalty, early=early)
            found = ours.captions(frames, prompts, options)
            pairs = zip(frames, prompts, strict=True)
            expected = [generated(network, recipe, frame, prompt, options) for frame, prompt in pairs]
            assert [caption.tokens for caption in found] == expected
            seen |= {(caption.ended, caption.tokens) for caption in found}
    assert len(seen) > 4
    assert {ended for ended, _ in seen} == {True, False} or penalty > 1  # which makes all of them long
