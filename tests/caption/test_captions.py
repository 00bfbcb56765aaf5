"""Graphs and searches together give the library's captions, token for token."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.caption.library import generated
from tests.caption.small import NAMES, RECIPES, Captioner, captioner, checkpoint, frames_of, graphs_in
from trt_anime.errors import InputError
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
        for stop in (recipe.decoder.stop, (11, 17, 40, 53)):
            options = SearchOptions(stop=stop, most=12, beams=beams, length_penalty=penalty, early=early)
            found = ours.captions(frames, prompts, options)
            pairs = zip(frames, prompts, strict=True)
            expected = [generated(network, recipe, frame, prompt, options) for frame, prompt in pairs]
            assert [caption.tokens for caption in found] == expected
            seen |= {(caption.ended, caption.tokens) for caption in found}
    assert len(seen) > 3
    assert {ended for ended, _ in seen} == {True, False} or penalty >= 1  # which favours long ones


def test_too_long_prompts_and_captions_are_refused(pair: tuple[str, Captioner, Any]) -> None:
    name, ours, _ = pair
    recipe = RECIPES[name]
    frames, options = frames_of(recipe), SearchOptions(stop=(), most=40)
    with pytest.raises(InputError, match=r"a prompt of 5 tokens was given, and the graph takes 1 to 4"):
        ours.captions(frames, [[2] * 5, [2]], options)
    with pytest.raises(InputError, match="1 prompts were given for 2 pictures"):
        ours.captions(frames, [[2]], options)
    with pytest.raises(InputError, match="doesn't fit into the cache of 28 tokens"):
        ours.captions(frames, [[2], [2]], options)
    with pytest.raises(InputError, match="a search with 6 beams was asked for, and the graph has 5"):
        ours.captions(frames, [[2], [2]], replace(options, beams=6))
