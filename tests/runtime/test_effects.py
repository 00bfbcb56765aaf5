"""Thresholds and negative prompts, pixel by pixel."""

import numpy as np
import pytest

from trt_anime.errors import InputError
from trt_anime.runtime.effects import EffectPrompt, Heat, effect_heat, in_runs


def planes(*rows: list[int]) -> Heat:
    """uint8 [P,1,W]."""
    return np.array(rows, np.uint8)[:, None]


FIRE = EffectPrompt(text="fire", threshold=0.4)  # 102 of 255
SMOKE = EffectPrompt(text="smoke", threshold=0.8)  # 204
HAIR = EffectPrompt(text="red hair", threshold=0.5, negative=True)  # 128, rounded up


def test_the_highest_that_reaches_its_own_threshold() -> None:
    heat = planes([101, 102, 150, 0, 150], [203, 203, 204, 255, 203])
    assert effect_heat(heat, [FIRE, SMOKE]).tolist() == [[0, 102, 204, 255, 150]]


def test_a_clearer_negative_prompt_takes_it_away() -> None:
    heat = planes([200, 200, 200, 120, 0], [199, 200, 201, 127, 255])
    assert effect_heat(heat, [FIRE, HAIR]).tolist() == [[200, 200, 0, 120, 0]]


def test_what_an_engine_computes_beyond_the_prompts_is_left_out() -> None:
    heat = planes([0, 120], [255, 255], [255, 255])
    assert effect_heat(heat, [FIRE]).tolist() == [[0, 120]]


def test_only_negative_prompts_find_nothing() -> None:
    assert effect_heat(planes([255, 0]), [HAIR]).tolist() == [[0, 0]]


def test_it_is_what_the_definition_says() -> None:
    """On random heat, computed pixel by pixel in another way; the heat itself is left unchanged."""
    rng = np.random.default_rng(0)
    heat = rng.integers(0, 256, (4, 20, 30), dtype=np.uint8)
    before = heat.copy()
    prompts = [FIRE, HAIR, SMOKE, EffectPrompt(text="sky", threshold=0.1, negative=True)]
    found = effect_heat(heat, prompts)
    assert found.dtype == np.uint8
    for y, x in np.ndindex(20, 30):
        levels = {True: 0, False: 0}
        for plane, prompt in zip(heat, prompts, strict=True):
            if plane[y, x] / 255 >= prompt.threshold:
                levels[prompt.negative] = max(levels[prompt.negative], int(plane[y, x]))
        assert found[y, x] == (levels[False] if levels[False] >= levels[True] else 0)
    np.testing.assert_array_equal(heat, before)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_share(threshold: float) -> None:
    with pytest.raises(InputError, match=r"the prompt 'fire' has the threshold .*; it must be from 0 to 1"):
        EffectPrompt(text="fire", threshold=threshold)


def test_a_prompt_says_something() -> None:
    with pytest.raises(InputError, match="an effect prompt is empty"):
        EffectPrompt(text="  ")


@pytest.mark.parametrize(("count", "runs"), [(1, 1), (3, 1), (8, 1), (9, 2), (16, 2), (17, 3)])
def test_prompts_are_dealt_out_to_the_runs_of_an_engine(count: int, runs: int) -> None:
    prompts = np.arange(1, 5 * count + 1, dtype=np.float32).reshape(count, 5)
    assert in_runs(prompts, None)[0] is prompts
    dealt = in_runs(prompts, 8)
    assert [some.shape for some in dealt] == [(8, 5)] * runs
    assert {some.dtype for some in dealt} == {np.dtype(np.float32)}
    together = np.concatenate(dealt)
    np.testing.assert_array_equal(together[:count], prompts)
    assert not together[count:].any()
