import numpy as np

from tests.runtime.layers.scenes import Known, narrower, noisy
from trt_anime.calibration.metrics.layers import owner_error, owners
from trt_anime.runtime.layers.characters import decontaminated, limited, separated
from trt_anime.runtime.layers.compositing import composite, over, recomposition


def test_a_matte_far_from_every_character_goes_and_hair_stays(alone: Known) -> None:
    matte = alone.characters.copy()
    matte[:40, :60] = (10, 20, 30, 200)
    ids = narrower(alone.ids > 0, 7)  # without hair
    cut = limited(matte, ids)
    assert not cut[:40, :60].any()
    lost = np.abs(cut[80:, :, 3].astype(int) - matte[80:, :, 3]).sum() / matte[80:, :, 3].sum()
    assert lost < 0.01
    assert np.array_equal(cut[ids > 0], matte[ids > 0])


def test_where_a_matte_is_cut_it_fades() -> None:
    matte = np.full((200, 300, 4), 255, np.uint8)
    ids = np.zeros((200, 300), np.uint8)
    ids[:, :50] = 1
    alpha = limited(matte, ids)[100, :, 3].astype(int)
    assert alpha[50 + 12] == 255 and alpha[50 + 32] == 0
    assert np.abs(np.diff(alpha)).max() < 40


def test_without_ids_all_is_kept_and_without_characters_nothing(alone: Known) -> None:
    assert np.array_equal(limited(alone.characters, None), alone.characters)
    assert not limited(alone.characters, np.zeros_like(alone.ids)).any()


def test_colours_taken_from_the_frame_are_cleaned_of_the_plate(alone: Known) -> None:
    clean = decontaminated(alone.matte, alone.frame, alone.plate)
    raw = recomposition(alone.frame, over(alone.matte, alone.plate))
    assert raw.psnr_db < 42
    assert recomposition(alone.frame, over(clean, alone.plate)).psnr_db > 70
    band = (alone.alpha > 0) & (alone.alpha < 255)
    weight = alone.alpha[band][:, None] / 255
    before, after = (
        (np.abs(rgba[band][:, :3].astype(float) - alone.characters[band][:, :3]) * weight).mean()
        for rgba in (alone.matte, clean)
    )
    assert before > 10 and after < 0.5
    assert np.array_equal(clean[..., 3], alone.alpha)


def test_a_plate_off_by_noise_changes_hardly_any_alpha(pair: Known) -> None:
    base, plate = over(pair.characters, pair.plate), noisy(pair.plate, 1.5)
    clean = decontaminated(np.dstack([base, pair.alpha]), base, plate)
    assert recomposition(base, over(clean, plate)).psnr_db > 45  # the noise alone makes 45.3
    assert (clean[..., 3] != pair.alpha).mean() < 1e-3


def test_alpha_is_raised_where_no_colour_would_do_only_there_and_not_far() -> None:
    frame, plate = np.full((4, 4, 3), 200, np.uint8), np.full((4, 4, 3), 100, np.uint8)
    matte = np.zeros((4, 4, 4), np.uint8)
    matte[0, 0, 3], matte[0, 1, 3], matte[1, 1, 3], matte[1, 2, 3] = 20, 200, 255, 140
    clean = decontaminated(matte, frame, plate)
    assert clean[0, 0].tolist() == [255, 255, 255, 68]  # of 161, (200 - 100 - 2) / 155, that would do
    assert clean[0, 1].tolist() == [228, 228, 228, 200]  # 200 = 100 + (228 - 100) 200 / 255
    assert clean[1, 1].tolist() == [200, 200, 200, 255]
    assert clean[1, 2].tolist() == [255, 255, 255, 161]
    assert not clean[2:].any()


def test_characters_laid_on_each_other_give_the_merged_layer(pair: Known) -> None:
    merged = over(pair.characters, pair.plate)
    for order in ((3, 1), (1, 3)):
        parts = separated(pair.characters, pair.ids, order)
        picture = composite(pair.plate, [(parts[identity], "over") for identity in order])
        assert recomposition(merged, picture).max_error <= 1


def test_every_pixel_goes_to_its_character(pair: Known) -> None:
    parts = separated(pair.characters, pair.ids, (3, 1))
    assert owner_error(pair.ids, owners(parts, (3, 1))) < 0.004
    body = narrower(pair.ids == 1, 9) > 0
    assert not parts[3][body].any()
    assert np.array_equal(parts[1][body], pair.characters[body])


def test_pixels_without_an_id_go_to_the_nearest_character(pair: Known) -> None:
    shrunk = np.maximum(narrower(pair.ids == 1, 5), narrower(pair.ids == 3, 5) * np.uint8(3))
    parts = separated(pair.characters, shrunk, (3, 1))
    assert owner_error(pair.ids, owners(parts, (3, 1))) < 0.025


def test_the_front_one_is_soft_at_the_contact_and_the_one_behind_is_not() -> None:
    merged = np.full((64, 64, 4), 255, np.uint8)
    ids = np.full((64, 64), 1, np.uint8)
    ids[:, 32:] = 2
    parts = separated(merged, ids, (1, 2))
    front, back = parts[2][32, :, 3].astype(int), parts[1][32, :, 3].astype(int)
    assert (front[:28] == 0).all() and (front[36:] == 255).all()
    assert ((front[29:35] > 0) & (front[29:35] < 255)).sum() >= 2
    assert (back[:33] == 255).all() and (back[37:] == 0).all()


def test_one_character_has_all_of_it_and_none_has_nothing(alone: Known) -> None:
    assert np.array_equal(separated(alone.characters, alone.ids, (1,))[1], alone.characters)
    assert separated(alone.characters, alone.ids, ()) == {}
    empty = separated(np.zeros_like(alone.characters), alone.ids, (1, 2))
    assert not empty[1].any() and not empty[2].any()
