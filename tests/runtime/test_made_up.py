"""What stands in for answers looks like answers: two figures, one light, from frame to frame."""

import numpy as np
import pytest

from trt_anime.runtime import made_up
from trt_anime.runtime.characters.parts import matte_parts


@pytest.mark.parametrize("size", [(1080, 1920), (360, 640), (90, 160)])
def test_two_figures_sway_and_hide_a_middle_always(size: tuple[int, int]) -> None:
    alphas = [made_up.alpha_of(number, size) for number in range(0, 48, 6)]
    assert {int(matte_parts(alpha).max()) for alpha in alphas} == {2}
    assert all(0.08 < alpha.mean() / 255 < 0.35 for alpha in alphas)
    assert (np.min(alphas, axis=0) == 255).mean() > 0.05, "else no plate ever has a hole"
    assert (alphas[0] != alphas[2]).any()
    soft = (alphas[0] > 0) & (alphas[0] < 255)
    assert 0.001 < soft.mean() < 0.2


@pytest.mark.parametrize("size", [(2, 2), (16, 300), (300, 16)])
def test_frames_of_any_size_have_answers(size: tuple[int, int]) -> None:
    assert made_up.alpha_of(5, size).shape == size
    assert made_up.glow_of(5, size).shape == size
    assert made_up.invented(np.zeros((*size, 3), np.uint8)).shape == (*size, 3)


def test_a_layer_shows_the_frame_where_the_figures_are() -> None:
    frames = np.random.default_rng(1).integers(1, 256, (2, 90, 160, 3), np.uint8)
    out = np.full((2, 90, 160, 4), 7, np.uint8)
    made_up.Walk()(frames, out)
    for number in range(2):
        alpha = made_up.alpha_of(number, (90, 160))
        assert np.array_equal(out[number, ..., 3], alpha)
        assert np.array_equal(out[number, ..., :3], np.where(alpha[..., None] > 0, frames[number], 0))


def test_a_light_is_soft() -> None:
    glow = made_up.glow_of(3, (360, 640))
    assert glow.max() > 240 and 0.01 < (glow > 0).mean() < 0.3
    assert np.abs(np.diff(glow[:, glow.max(0).argmax()].astype(int))).max() <= 40
