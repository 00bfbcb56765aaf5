import numpy as np
import pytest

from tests.runtime.layers.scenes import Known, coded, heat_of, noisy, with_veil
from trt_anime.calibration.metrics.layers import effect_error
from trt_anime.runtime.layers.characters import decontaminated
from trt_anime.runtime.layers.compositing import Recomposition, added, composite, over, recomposition
from trt_anime.runtime.layers.effects import Effect, cut_out, solved
from trt_anime.runtime.results.layers import Blend

HEATS = [(0, 0.0), (-1, 0.0), (4, 0.0), (0, 0.15)]


def recomposed(scene: Known, effect: Effect) -> Recomposition:
    characters = decontaminated(scene.matte, effect.rest, scene.plate)
    picture = composite(scene.plate, [(characters, "over"), (effect.rgba, effect.blend)])
    return recomposition(scene.frame, picture)


@pytest.mark.parametrize(("grow", "noise"), HEATS)
@pytest.mark.parametrize("sigma", [0.0, 1.5])
def test_light_beside_a_character_is_the_true_light(
    spell: Known, grow: int, noise: float, sigma: float
) -> None:
    plate, heat = noisy(spell.plate, sigma), heat_of(spell.effect, grow, noise)
    effect = solved(spell.frame, plate, heat, spell.matte, "add")
    error = effect_error(effect.rgba, spell.effect, mask=spell.alpha == 0)
    assert error.alpha < 4 and error.colour < 3 and error.leak < 0.2


def test_light_over_a_character_is_most_of_the_true_light(spell: Known) -> None:
    effect = solved(spell.frame, spell.plate, heat_of(spell.effect), spell.matte, "add")
    over_character = spell.alpha > 0
    error = effect_error(effect.rgba, spell.effect, mask=over_character)
    nothing = effect_error(np.zeros_like(effect.rgba), spell.effect, mask=over_character)
    assert error.colour < 0.55 * nothing.colour
    opaque = spell.alpha > 250
    before, after = (
        np.abs(picture.astype(float) - spell.characters[..., :3])[opaque].mean()
        for picture in (spell.frame, effect.rest)
    )
    assert after < 0.6 * before


@pytest.mark.parametrize(
    ("colour", "opacity", "worst"),
    [((200, 170, 220), 0.6, 9), ((250, 240, 180), 0.95, 8), ((70, 65, 60), 0.8, 15)],
)
def test_a_veil_is_as_opaque_as_it_is(
    alone: Known, pair: Known, colour: tuple[int, int, int], opacity: float, worst: float
) -> None:
    for scene in (alone, pair):
        veiled = with_veil(scene, colour, opacity, "over")
        frame = noisy(veiled.frame, 1.0)
        effect = solved(frame, veiled.plate, heat_of(veiled.effect, 2), veiled.matte, "over")
        error = effect_error(effect.rgba, veiled.effect, mask=veiled.alpha == 0)
        assert error.alpha < worst and error.leak < 0.5


@pytest.mark.parametrize("blend", ["add", "over"])
def test_the_layers_give_the_frame(alone: Known, pair: Known, spell: Known, blend: Blend) -> None:
    for scene in (alone, pair, spell):
        veiled = with_veil(scene, (200, 190, 250), 0.5, blend)
        heat = heat_of(veiled.effect, 4)
        effect = solved(veiled.frame, veiled.plate, heat, veiled.matte, blend)
        result = recomposed(veiled, effect)
        # Where light over soft hair is mistaken, alpha isn't raised without bounds to hide it.
        assert result.psnr_db > 50 and result.share_off < 0.001


def test_the_drawn_light_gives_the_frame(spell: Known) -> None:
    result = recomposed(spell, solved(spell.frame, spell.plate, heat_of(spell.effect, 4), spell.matte))
    assert result.psnr_db > 60


def test_light_does_not_change_who_is_thin(spell: Known) -> None:
    """Veils, strands and edges: what alone explains the frame bounds the light, so alpha needn't rise."""
    effect = solved(spell.frame, spell.plate, heat_of(spell.effect, 4), spell.matte, "add")
    thin = (spell.alpha > 0) & (spell.alpha < 255)
    raised = decontaminated(spell.matte, effect.rest, spell.plate)[..., 3][thin] - spell.alpha[thin]
    assert raised.mean() < 0.1


def test_the_thinner_a_character_is_the_better_its_light_is_known(spell: Known) -> None:
    effect = solved(spell.frame, spell.plate, heat_of(spell.effect, 4), spell.matte, "add")
    light = effect.rgba[..., :3].astype(float) * effect.rgba[..., 3:] / 255
    gap = np.abs(light - 255 * spell.effect[..., :3]).max(axis=2)
    for alpha in (8, 32, 64):
        thin = (spell.alpha > 0) & (spell.alpha <= alpha) & (spell.frame.max(axis=2) < 255)
        assert gap[thin].max() <= alpha + 3


@pytest.mark.parametrize(("blend", "worst"), [("add", 0.1), ("over", 0.6)])
def test_noise_is_no_effect(alone: Known, blend: Blend, worst: float) -> None:
    heat = np.zeros(alone.ids.shape, np.uint8)
    heat[100:300, 50:400] = 255
    for sigma in (1.0, 3.0):
        frame = noisy(alone.plate, sigma)
        effect = solved(frame, alone.plate, heat, None, blend)
        assert effect.rgba[heat > 0, 3].mean() < worst


def test_coded_video_makes_little_effect(spell: Known, alone: Known) -> None:
    frame, plate = coded(spell.frame, 20), coded(spell.plate, 20)
    effect = solved(frame, plate, heat_of(spell.effect, 3), spell.matte, "add")
    error = effect_error(effect.rgba, spell.effect, mask=spell.alpha == 0)
    assert error.alpha < 5.5 and error.leak < 0.3
    heat = np.zeros_like(alone.ids)
    heat[100:300, 50:400] = 255
    nothing = solved(coded(alone.plate, 18), coded(alone.plate, 21), heat, None, "add")
    assert nothing.rgba[heat > 0, 3].mean() < 1.2


def test_faint_light_is_found_below_the_noise_of_a_pixel(alone: Known) -> None:
    glow = with_veil(alone, (255, 255, 255), 0.02, "add")  # 5 levels at its brightest
    frame = noisy(over(np.zeros_like(alone.characters), added(glow.effect_rgba, alone.plate)), 1.5)
    heat = heat_of(glow.effect * 20)
    effect = solved(frame, alone.plate, heat, None, "add")
    error, nothing = (effect_error(rgba, glow.effect) for rgba in (effect.rgba, np.zeros_like(effect.rgba)))
    assert error.alpha < 0.2 * nothing.alpha


def test_light_ends_softly_where_heat_ends(alone: Known) -> None:
    plate = np.full_like(alone.plate, 60)
    frame = plate + np.uint8(80)
    heat = np.zeros(alone.ids.shape, np.uint8)
    heat[:, :300] = 255
    alpha = solved(frame, plate, heat, None, "add").rgba[180, :, 3].astype(int)
    assert alpha[299] == 80 and alpha[360] == 0
    assert np.abs(np.diff(alpha)).max() <= 10 and (np.diff(alpha) <= 0).all()


def test_the_frame_is_left_unchanged_and_without_heat_there_is_nothing(spell: Known) -> None:
    frame, heat = spell.frame.copy(), np.full(spell.ids.shape, 255, np.uint8)
    for blend in ("add", "over"):
        solved(frame, spell.plate, heat, spell.matte, blend)
        assert np.array_equal(frame, spell.frame)
    nothing = solved(frame, spell.plate, heat * 0, spell.matte)
    assert not nothing.rgba.any() and np.array_equal(nothing.rest, frame)


def test_the_blend_of_a_single_frame_is_decided_by_itself(spell: Known, pair: Known) -> None:
    for scene in (spell, pair):
        assert solved(scene.frame, scene.plate, heat_of(scene.effect, 3), scene.matte).blend == scene.blend


def test_without_a_plate_the_heat_is_cut_out(spell: Known) -> None:
    heat = heat_of(spell.effect)
    layer = cut_out(spell.frame, heat)
    assert np.array_equal(layer[..., 3], heat)
    assert np.array_equal(layer[heat > 0][:, :3], spell.frame[heat > 0])
    assert not layer[heat == 0].any()
