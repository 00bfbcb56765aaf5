import numpy as np
import pytest

from tests.runtime.layers.scenes import Known, coded, heat_of, noisy, with_veil
from trt_anime.runtime.layers.blends import BlendEvidence, blend_of, observed
from trt_anime.runtime.results.layers import Blend


@pytest.mark.parametrize("sigma", [0.0, 1.5, 3.0])
@pytest.mark.parametrize("blend", ["add", "over"])
@pytest.mark.parametrize("colour", [(255, 255, 255), (120, 160, 255), (250, 240, 180)])
def test_light_is_told_from_cover(
    alone: Known, spell: Known, colour: tuple[int, int, int], blend: Blend, sigma: float
) -> None:
    for scene in (alone, spell):
        veiled = with_veil(scene, colour, 0.4, blend)
        frame, plate = noisy(veiled.frame, sigma, 1), noisy(veiled.plate, sigma, 2)
        assert blend_of([observed(frame, plate, heat_of(veiled.effect), veiled.matte)]) == blend


def test_the_drawn_effects_are_told(pair: Known, spell: Known) -> None:
    for scene in (pair, spell):
        for sigma in (0.0, 1.5):
            heat, plate = heat_of(scene.effect, grow=3), noisy(scene.plate, sigma)
            assert blend_of([observed(scene.frame, plate, heat, scene.matte)]) == scene.blend


@pytest.mark.parametrize("crf", [18, 24])
def test_the_drawn_effects_are_told_in_coded_video(pair: Known, spell: Known, crf: int) -> None:
    for scene in (pair, spell):
        frame, plate = coded(scene.frame, crf), coded(scene.plate, crf)
        assert blend_of([observed(frame, plate, heat_of(scene.effect, 3), scene.matte)]) == scene.blend


def test_what_darkens_covers(alone: Known) -> None:
    smoke = with_veil(alone, (20, 20, 25), 0.5, "over")
    assert blend_of([observed(smoke.frame, smoke.plate, heat_of(smoke.effect))]) == "over"


def test_one_frame_more_does_not_turn_the_decision(spell: Known, pair: Known) -> None:
    light = observed(spell.frame, spell.plate, heat_of(spell.effect), spell.matte)
    odd = observed(pair.frame, pair.plate, heat_of(pair.effect), pair.matte)
    assert blend_of([light]) == "add" and blend_of([odd]) == "over"
    assert blend_of([light] * 7 + [odd]) == "add"
    assert sum([light, odd], BlendEvidence()) == odd + light


def test_nothing_seen_is_over(alone: Known) -> None:
    nothing = np.zeros(alone.ids.shape, np.uint8)
    assert blend_of([]) == "over"
    assert blend_of([observed(alone.frame, alone.plate, nothing)]) == "over"
    everywhere = np.full((*nothing.shape, 4), 255, np.uint8)
    assert blend_of([observed(alone.frame, alone.plate, nothing + 255, everywhere)]) == "over"


def test_an_invented_plate_says_nothing(spell: Known) -> None:
    middle = spell.plate.shape[1] // 2
    wrong = spell.plate.copy()
    wrong[:, :middle] = spell.plate[::-1, :middle]
    invented = np.zeros(spell.ids.shape, np.uint8)
    invented[:, :middle] = 255
    heat = heat_of(spell.effect, 3)
    assert blend_of([observed(spell.frame, wrong, heat, spell.matte)]) == "over"
    assert blend_of([observed(spell.frame, wrong, heat, spell.matte, invented)]) == "add"


def test_a_sheet_that_lies_otherwise_makes_no_cover_of_light(alone: Known) -> None:
    """A stripe of the background where the plate has another place of it, now darker and now brighter."""
    light = with_veil(alone, (120, 160, 255), 0.4, "add")
    cover = with_veil(alone, (120, 160, 255), 0.4, "over")
    plate = alone.plate.copy()
    plate[150:200] = np.roll(alone.plate, 12, 1)[150:200]
    heat = heat_of(light.effect)
    found = [observed(each.frame, plate, heat, each.matte) for each in (light, cover)]
    assert [blend_of([one]) for one in found] == ["add", "over"]


def test_a_plate_that_is_not_exact_makes_no_cover_of_light(alone: Known) -> None:
    light = with_veil(alone, (120, 160, 255), 0.4, "add")
    cover = with_veil(alone, (120, 160, 255), 0.4, "over")
    moved = np.roll(alone.plate, 3, 0)
    blocks = np.random.default_rng(2).random((45, 80, 1)) < 0.3
    plate = np.where(blocks.repeat(8, 0).repeat(8, 1), moved, alone.plate)
    heat = heat_of(light.effect)
    assert blend_of([observed(light.frame, plate, heat, light.matte)]) == "add"
    assert blend_of([observed(cover.frame, plate, heat, cover.matte)]) == "over"
