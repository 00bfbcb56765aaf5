"""Crops hold all of the character, at a size that the trainer neither scales nor cuts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trt_anime.runtime.delivery.crops import CELL, STEP, Crop, crop_around, latent_mask

FRAMES = [(180, 320), (720, 1280), (1080, 1920), (2160, 3840), (1440, 810)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    frame=st.sampled_from(FRAMES),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
    margin=st.floats(0, 0.5),
    resolution=st.sampled_from([256, 512, 768, 1024]),
)
def test_any_box_fits(
    frame: tuple[int, int], corners: tuple[float, float, float, float], margin: float, resolution: int
) -> None:
    height, width = frame
    x0, x1 = sorted(round(c * (width - 1)) for c in corners[:2])
    y0, y1 = sorted(round(c * (height - 1)) for c in corners[2:])
    box = (x0, y0, x1 - x0 + 1, y1 - y0 + 1)
    crop = crop_around(box, frame, margin=margin, resolution=resolution)
    assert all(side % STEP == 0 and side > 0 for side in crop.size)
    assert crop.size[0] * crop.size[1] <= resolution**2
    for start, span, limit in ((crop.x, crop.width, width), (crop.y, crop.height, height)):
        if span <= limit:
            assert start >= 0 and start + span <= limit
        else:
            assert start <= 0 and start + span >= limit
            assert (span - limit) * crop.size[0] / crop.width < STEP + 1
    assert crop.x <= x0 and crop.x + crop.width >= x1 + 1
    assert crop.y <= y0 and crop.y + crop.height >= y1 + 1
    across, down = crop.size[0] / crop.width, crop.size[1] / crop.height
    assert across <= 1.001 and down <= 1.001
    assert across / down == pytest.approx(1, abs=0.02)


def test_what_need_not_be_scaled_is_not() -> None:
    crop = crop_around((400, 100, 300, 500), (720, 1280), margin=0.1, resolution=1024)
    assert crop == Crop(326, 30, 448, 640, (448, 640))
    picture = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    assert np.array_equal(crop.of(picture), picture[30:670, 326:774])


def test_beyond_the_frame_its_edge_goes_on_without_mask() -> None:
    crop = crop_around((0, 0, 128, 100), (100, 128), margin=0.1, resolution=512)
    assert crop == Crop(0, -14, 128, 128, (128, 128))
    picture = np.random.default_rng(0).integers(0, 256, (100, 128, 3), np.uint8)
    assert np.array_equal(crop.of(picture)[14:114], picture)
    assert (crop.of(picture)[:14] == picture[0]).all() and (crop.of(picture)[114:] == picture[-1]).all()
    assert (crop.of(picture, (9, 8, 7))[:14] == (9, 8, 7)).all()
    alpha = crop.of_alpha(np.full((100, 128), 255, np.uint8))
    assert alpha[14:114].all() and not alpha[:14].any() and not alpha[114:].any()


def test_a_cell_is_kept_whole_where_the_character_touches_it() -> None:
    alpha = np.zeros((64, 128), np.uint8)
    alpha[17, 33] = 8  # a strand's end
    alpha[40, 90] = 7  # noise
    mask = latent_mask(alpha)
    expected = np.zeros_like(alpha)
    expected[16 : 16 + CELL, 32 : 32 + CELL] = 255
    assert np.array_equal(mask, expected)
