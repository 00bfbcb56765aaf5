"""Each measure follows the damage that it is named after, and hardly anything else."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from tests.runtime.annotation.degrade import Damage, blur, frame, gamma, grain, jpeg, lines, tinted
from trt_anime.runtime.annotation.metrics import Metrics, edges_of, luma_of, metrics_of, sharpness_of

FRAMES = (20, 50, 80)


def values(index: int, damages: Sequence[Damage], of: Callable[[Metrics], float]) -> list[float]:
    return [of(metrics_of(damage(frame(index)))) for damage in damages]


def clean(index: int) -> Metrics:
    return metrics_of(frame(index))


@pytest.mark.parametrize("index", FRAMES)
def test_blur_takes_sharpness_step_by_step(index: int) -> None:
    found = [
        clean(index).sharpness,
        *values(index, [blur(s) for s in (0.5, 1, 2, 4)], lambda m: m.sharpness),
    ]
    assert (np.diff(found) < -0.06).all(), found
    assert 0.7 < found[0] <= 1 and found[2] == pytest.approx(0.4, abs=0.08) and found[4] < 0.22


@pytest.mark.parametrize("index", FRAMES)
@pytest.mark.parametrize("damage", [gamma(0.5), gamma(1.5), grain(4), jpeg(60), tinted(1, 1, 1)])
def test_sharpness_is_not_contrast_nor_grain_nor_compression(index: int, damage: Damage) -> None:
    """None of them looks like a blur of even half a pixel's sigma."""
    least = values(index, [blur(0.5)], lambda m: m.sharpness)[0]
    assert metrics_of(damage(frame(index))).sharpness > least


def test_sharpness_is_not_how_much_is_drawn() -> None:
    """The frame on an empty wall three times as wide: as sharp, where a Laplacian says a third."""
    wide = np.full((360, 1920, 3), 200, np.uint8)
    wide[:, :640] = frame(50)
    assert metrics_of(wide).sharpness == pytest.approx(clean(50).sharpness, abs=0.02)
    classic = [cv2.Laplacian(luma_of(rgb), cv2.CV_32F).var() for rgb in (wide, frame(50))]
    assert classic[0] < 0.5 * classic[1]
    assert metrics_of(np.full((64, 64, 3), 90, np.uint8)).sharpness == 0


def test_sharpness_behind_a_mask_is_that_of_the_figure_alone() -> None:
    luma = luma_of(frame(50))
    mask = np.zeros_like(luma)
    mask[:, 320:] = 1
    smeared = luma.copy()
    smeared[:, 312:] = cv2.GaussianBlur(luma, (0, 0), 4)[:, 312:]
    assert edges_of(luma, mask)[0] > 0.7 > 0.3 > edges_of(smeared, mask)[0]
    assert sharpness_of(smeared) > 0.6


@pytest.mark.parametrize("index", FRAMES)
@pytest.mark.parametrize("sigma", [2.0, 4.0, 8.0])
def test_noise_is_measured_in_its_own_units(index: int, sigma: float) -> None:
    assert metrics_of(grain(sigma)(frame(index))).noise == pytest.approx(sigma, rel=0.18)
    assert clean(index).noise < 0.3


@pytest.mark.parametrize("index", FRAMES)
def test_compression_shows_at_its_grid(index: int) -> None:
    found = [abs(clean(index).blocking)]
    found += values(index, [jpeg(q) for q in (80, 60, 40, 20, 10)], lambda m: m.blocking)
    assert (np.diff(found) > 0.15).all(), found
    assert found[0] < 0.15 and found[1] > 0.4
    others = values(index, [blur(1), grain(4), gamma(1.5), gamma(0.7)], lambda m: abs(m.blocking))
    assert max(others) < 0.15


def test_a_grid_that_was_moved_is_not_the_codecs() -> None:
    moved = np.roll(jpeg(20)(frame(50)), 3, axis=(0, 1))
    assert metrics_of(moved).blocking < 0.2 * metrics_of(jpeg(20)(frame(50))).blocking


@pytest.mark.parametrize("index", FRAMES)
def test_exposure_follows_gamma(index: int) -> None:
    powers = (0.4, 0.7, 1.0, 1.5, 2.5)
    found = values(index, [gamma(p) for p in powers], lambda m: m.mean_luma)
    assert (np.diff(found) < -0.05).all()
    luma = luma_of(frame(index))
    assert clean(index).mean_luma == pytest.approx(luma.mean() / 255, abs=1e-4)


def test_clipping_is_counted_exactly() -> None:
    rgb = np.full((100, 100, 3), 128, np.uint8)
    rgb[:10], rgb[10:15] = 3, 252
    found = metrics_of(rgb)
    assert [found.shadows, found.highlights] == pytest.approx([0.10, 0.05])
    rgb[:10], rgb[10:15] = 4, 251
    found = metrics_of(rgb)
    assert (found.shadows, found.highlights) == (0, 0)


def test_contrast_is_from_the_5th_to_the_95th_percentile() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    assert metrics_of(ramp).contrast == pytest.approx(0.9, abs=0.01)
    assert metrics_of(np.full((64, 64, 3), 90, np.uint8)).contrast == 0


@pytest.mark.parametrize("index", FRAMES)
@pytest.mark.parametrize("tint", [(1, 1, 1), (1, 0.85, 0.65), (0.7, 0.8, 1)])
def test_grey_and_tinted_frames_are_monochrome(index: int, tint: tuple[float, float, float]) -> None:
    found = metrics_of(tinted(*tint)(frame(index)))
    assert found.is_monochrome and not found.is_line_art
    assert not clean(index).is_monochrome


@pytest.mark.parametrize("index", FRAMES)
def test_ink_on_paper_is_line_art(index: int) -> None:
    assert metrics_of(lines(frame(index))).is_line_art


@pytest.mark.parametrize("shape", [(16, 16), (17, 300), (300, 17), (64, 33)])
def test_frames_of_any_size_are_measured(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(3).integers(0, 256, (*shape, 3), np.uint8)
    assert np.isfinite([float(value) for value in vars(metrics_of(rgb)).values()]).all()
