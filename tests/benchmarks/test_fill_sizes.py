"""Tiles cover holes without a trace of where they lie, and scores tell what they are called after."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.fill_scores import hole_of, score, seam, with_hole
from benchmarks.fill_tiles import OVERLAP, in_tiles, tiles_of
from samples.scene import GroundTruth, Scene, SceneOptions
from trt_anime.runtime.media.frames import Pixels

SIDE = 64


@pytest.fixture(scope="module")
def truth() -> GroundTruth:
    return Scene(SceneOptions(seed=7, width=320, height=180, frames=96)).render(48)


@pytest.mark.parametrize("box", [(0, 0, 180, 320), (3, 5, 4, 6), (100, 250, 180, 320), (20, 40, 90, 300)])
def test_tiles_cover_the_hole_and_overlap(box: tuple[int, int, int, int]) -> None:
    top, left, bottom, right = box
    hole = np.zeros((180, 320), bool)
    hole[top:bottom, left:right] = True
    covered = np.zeros((180, 320), int)
    tiles = tiles_of(hole, SIDE)
    for tile in tiles:
        assert covered[tile].shape == (SIDE, SIDE) and hole[tile].any()
        covered[tile] += 1
    assert covered[hole].min() == 1
    for axis in (0, 1):
        firsts = sorted({tile[axis].start for tile in tiles})
        assert all(b - a <= SIDE * (1 - OVERLAP) for a, b in pairwise(firsts))


def test_no_hole_no_tile_and_a_small_picture_is_one() -> None:
    assert tiles_of(np.zeros((90, 90), bool), SIDE) == []
    hole = np.ones((40, 50), bool)
    assert tiles_of(hole, SIDE) == [(slice(0, 40), slice(0, 50))]


def test_what_a_faultless_network_paints_is_the_truth_in_tiles_too(truth: GroundTruth) -> None:
    """Each tile is told by its place; a tile laid a pixel off, or weights that don't add up, would show."""
    hole = hole_of(truth, "whole")
    asked: list[Pixels] = []

    def fill(picture: Pixels, part: Pixels) -> Pixels:
        tile = tiles_of(hole > 0, SIDE)[len(asked)]
        assert np.array_equal(part, hole[tile])
        asked.append(picture)
        return truth.plate[tile]

    answer = in_tiles(fill, SIDE)(with_hole(truth.plate, hole), hole)
    assert np.array_equal(answer, truth.plate) and len(asked) > 4


def test_tiles_that_differ_are_blended_not_cut(truth: GroundTruth) -> None:
    hole = hole_of(truth, "whole")
    count = 0

    def fill(picture: Pixels, part: Pixels) -> Pixels:
        nonlocal count
        count += 1
        return np.full_like(picture, 40 * (count % 2))

    answer = in_tiles(fill, SIDE)(with_hole(truth.plate, hole), hole).astype(int)
    inside = hole > 0
    steps = np.abs(np.diff(answer[..., 0], axis=1))[inside[:, 1:] & inside[:, :-1]]
    assert answer[inside].min() < 10 and answer[inside].max() > 30 and 0 < steps.max() <= 8


def test_a_hole_hides_all_of_the_characters(truth: GroundTruth) -> None:
    whole, rest = hole_of(truth, "whole") > 0, hole_of(truth, "rest") > 0
    assert whole[truth.alpha > 0].all()
    assert rest.any() and whole[rest].all() and rest.mean() < 0.7 * whole.mean()
    assert not with_hole(truth.plate, np.asarray(whole * np.uint8(255)))[whole].any()


def test_scores(truth: GroundTruth) -> None:
    hole = hole_of(truth, "whole")
    perfect = score(truth.plate, truth.plate, hole)
    assert (perfect.psnr_db, perfect.seam) == (np.inf, 0) and perfect.ssim == pytest.approx(1)


def test_a_seam_is_a_step_of_colour_and_no_grain(truth: GroundTruth) -> None:
    hole = hole_of(truth, "whole") > 0
    grey = np.full_like(truth.plate, 128)
    noise = np.random.default_rng(3).choice(np.array([-20, 20], np.int16), grey.shape)
    assert seam(grey, np.where(hole[..., None], grey + 20, grey).astype(np.uint8), hole) == pytest.approx(
        20
    )
    assert seam(grey, (grey + noise).astype(np.uint8), hole) < 6
