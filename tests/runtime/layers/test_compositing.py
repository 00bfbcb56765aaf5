import numpy as np
import pytest

from tests.runtime.layers.scenes import Known
from trt_anime.runtime.layers.compositing import (
    Recomposition,
    added,
    composite,
    outliers,
    over,
    recomposition,
    taken_off,
)

RANDOM = np.random.default_rng(4)
RGBA = RANDOM.integers(0, 256, (150, 67, 4), np.uint8)
RGBA[:30], RGBA[:, 60:] = 0, 0
BELOW = RANDOM.integers(0, 256, (150, 67, 3), np.uint8)
FINE = Recomposition(psnr_db=48.0, max_error=6, share_off=0.0)


def test_over_is_rounded_to_the_nearest_level() -> None:
    alpha = RGBA[..., 3:].astype(np.float64)
    exact = (RGBA[..., :3] * alpha + BELOW * (255 - alpha)) / 255
    assert np.array_equal(over(RGBA, BELOW), np.rint(exact))


def test_added_is_rounded_and_clipped_at_white() -> None:
    exact = np.minimum(BELOW + RGBA[..., :3] * (RGBA[..., 3:] / 255.0), 255)
    assert np.array_equal(added(RGBA, BELOW), np.rint(exact))


def test_all_levels_of_alpha_and_colour_are_exact() -> None:
    colour, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    for level in (0, 1, 127, 254, 255):
        below = np.full((256, 256, 3), level, np.uint8)
        result = over(np.dstack([colour, colour, colour, alpha]), below)[..., 0]
        exact = (colour * alpha.astype(np.float64) + level * (255.0 - alpha)) / 255
        assert np.array_equal(result, np.rint(exact))


def test_layers_lie_in_the_order_given_and_below_is_left_unchanged() -> None:
    plate = BELOW.copy()
    both = composite(plate, [(RGBA, "over"), (RGBA[::-1].copy(), "add")])
    assert np.array_equal(both, added(RGBA[::-1].copy(), over(RGBA, BELOW)))
    assert np.array_equal(plate, BELOW)
    assert np.array_equal(composite(plate, []), BELOW)


@pytest.mark.parametrize("shot", ["alone", "pair", "spell"])
def test_true_layers_in_bytes_give_the_frame(shot: str, request: pytest.FixtureRequest) -> None:
    scene: Known = request.getfixturevalue(shot)
    picture = composite(scene.plate, [(scene.characters, "over"), (scene.effect_rgba, scene.blend)])
    result = recomposition(scene.frame, picture)
    assert result.psnr_db > 58  # 60.8 to 74 were measured
    assert result.max_error <= 1 and result.share_off == 0


def test_recomposition_by_hand() -> None:
    frame, composed = np.zeros((10, 10, 3), np.uint8), np.zeros((10, 10, 3), np.uint8)
    assert recomposition(frame, composed) == Recomposition(99.0, 0, 0.0)
    composed[0, 0], composed[0, 1] = (9, 9, 0), (8, 8, 8)
    result = recomposition(frame, composed)
    assert result.max_error == 9
    assert result.share_off == pytest.approx(0.01)  # 8 levels are still right
    assert result.psnr_db == pytest.approx(10 * np.log10(255**2 / ((2 * 81 + 3 * 64) / 300)))


def test_the_frames_that_are_far_worse_than_their_clip_are_listed() -> None:
    frames = [FINE] * 20
    frames[3] = Recomposition(psnr_db=40.0, max_error=30, share_off=0.001)
    frames[7] = Recomposition(psnr_db=47.5, max_error=200, share_off=0.008)  # wrong in one place
    found = outliers(frames)
    assert [outlier.place for outlier in found] == [3, 7]
    assert found[0].why == "40.0 dB, the median is 48.0"
    assert found[1].why == "0.8% of it is off, the median is 0.0%"


def test_a_clip_that_scatters_widely_has_no_outlier_by_scatter() -> None:
    frames = [Recomposition(psnr_db, 9, 0.001) for psnr_db in np.linspace(38, 50, 13)]
    assert outliers(frames) == []


def test_bad_frames_are_listed_even_where_all_are_bad() -> None:
    assert [outlier.place for outlier in outliers([Recomposition(22.0, 99, 0.3)] * 3)] == [0, 1, 2]
    assert outliers([]) == []


def test_layers_come_off_again_as_they_were_laid_on() -> None:
    rng = np.random.default_rng(8)
    below = rng.integers(0, 140, (60, 90, 3), np.uint8)
    cover, light = np.zeros((60, 90, 4), np.uint8), np.zeros((60, 90, 4), np.uint8)
    cover[10:40, 20:60] = (200, 90, 40, 120)
    light[20:50, 40:80] = (80, 160, 220, 90)
    laid = composite(below, [(cover, "over"), (light, "add")])
    found = taken_off(laid, [(cover, "over"), (light, "add")])
    assert np.abs(found.astype(int) - below).max() <= 2
    assert np.array_equal(found[55:], below[55:])


def test_below_what_hides_all_nothing_is_known() -> None:
    below = np.full((8, 8, 3), 90, np.uint8)
    cover = np.full((8, 8, 4), 255, np.uint8)
    assert (taken_off(composite(below, [(cover, "over")]), [(cover, "over")]) == 0).all()


def test_below_what_light_has_clipped_altogether_is_as_dark_as_can_be() -> None:
    below = np.full((8, 8, 3), (200, 140, 20), np.uint8)
    light = np.full((8, 8, 4), (100, 130, 250, 255), np.uint8)
    assert (taken_off(composite(below, [(light, "add")]), [(light, "add")]) == (155, 125, 5)).all()


def test_a_channel_that_light_has_clipped_is_no_darker_than_the_others() -> None:
    below = np.full((8, 8, 3), (90, 90, 96), np.uint8)
    light = np.full((8, 8, 4), (80, 130, 250, 255), np.uint8)
    laid = composite(below, [(light, "add")])
    found = taken_off(laid, [(light, "add")])
    assert (laid[..., 2] == 255).all() and np.abs(found.astype(int) - below).max() <= 6
    assert np.array_equal(composite(found, [(light, "add")]), laid)
