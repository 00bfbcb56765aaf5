"""What a matte missed comes back, and nothing that it has seen is changed."""

import cv2
import numpy as np
import pytest

from trt_anime.runtime.layers.completing import completed
from trt_anime.runtime.media.frames import Pixels

HEIGHT, WIDTH = 180, 320
BODY = (slice(40, 180), slice(120, 200))
SKIRT = (slice(110, 180), slice(120, 200))


@pytest.fixture
def plate() -> Pixels:
    rng = np.random.default_rng(4)
    small = rng.integers(60, 160, (HEIGHT // 10, WIDTH // 10, 3), np.uint8)
    return np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.fixture
def frame(plate: Pixels) -> Pixels:
    shown = plate.copy()
    shown[BODY] = (230, 220, 40)
    return shown


def mask(*places: tuple[slice, slice], value: int = 255) -> Pixels:
    plane = np.zeros((HEIGHT, WIDTH), np.uint8)
    for place in places:
        plane[place] = value
    return plane


def test_a_part_that_the_matte_missed_comes_back(frame: Pixels, plate: Pixels) -> None:
    matte = mask(BODY)
    matte[SKIRT] = 0
    found = completed(matte, mask(BODY, value=1), frame, plate)
    assert (found[120:175, 125:195] == 255).all()
    assert (found[:, 210:] == 0).all() and (found[:30] == 0).all()


def test_a_mask_over_the_background_brings_none_of_it(frame: Pixels, plate: Pixels) -> None:
    """The tracked mask is too wide by 60 pixels."""
    wide = mask((slice(30, 180), slice(60, 260)), value=1)
    found = completed(mask(BODY), wide, frame, plate)
    assert np.array_equal(found, mask(BODY))


def test_what_the_matte_has_seen_stays_as_thin_as_it_saw_it(frame: Pixels, plate: Pixels) -> None:
    veil = (slice(60, 100), slice(200, 240))
    frame = frame.copy()
    frame[veil] = plate[veil] // 2 + 120
    matte = mask(BODY)
    matte[veil] = 90
    found = completed(matte, mask(BODY, veil, value=1), frame, plate)
    assert (found[veil] == 90).all()


def test_what_hangs_together_with_a_character_reaches_a_little_beyond_its_mask(
    frame: Pixels, plate: Pixels
) -> None:
    ribbon = (slice(140, 160), slice(200, 210))
    frame = frame.copy()
    frame[ribbon] = (10, 200, 250)
    matte = mask(BODY)
    matte[SKIRT] = 0
    found = completed(matte, mask(BODY, value=1), frame, plate)
    assert (found[145:155, 201:208] == 255).all()


def test_an_invented_background_says_nothing_beyond_a_mask(frame: Pixels, plate: Pixels) -> None:
    guess = plate.copy()
    guess[100:, 200:215] = 255 - guess[100:, 200:215]
    matte = mask(BODY)
    matte[SKIRT] = 0
    invented = mask((slice(100, 180), slice(110, 215)))
    grown = completed(matte, mask(BODY, value=1), frame, guess)
    found = completed(matte, mask(BODY, value=1), frame, guess, invented=invented)
    assert (grown[:, 205:] > 0).any() and (found[:, 202:] == 0).all()
    assert (found[120:175, 125:195] == 255).all(), "within it the matte is completed"


def test_a_background_that_moves_does_not_hang_together_with_anybody(plate: Pixels) -> None:
    frame = 255 - plate
    matte = mask(BODY)
    matte[SKIRT] = 0
    found = completed(matte, mask(BODY, value=1), frame, plate)
    assert (found[:, 205:] == 0).all() and (found[:, :115] == 0).all()
    assert (found[130:170, 130:190] == 255).all(), "within the mask it is the character"


def test_without_masks_the_matte_is_believed(frame: Pixels, plate: Pixels) -> None:
    matte = mask(BODY)
    assert np.array_equal(completed(matte, mask(), frame, plate), matte)


def test_what_light_was_taken_off_wrongly_is_no_character(plate: Pixels, frame: Pixels) -> None:
    glow = (slice(60, 90), slice(196, 216))
    wrong, taken = frame.copy(), mask(glow, value=0)
    wrong[glow], taken[glow] = 0, 250
    alpha = mask(BODY)
    ids = mask(BODY, value=1)
    outside = (slice(60, 90), slice(204, 216))
    assert completed(alpha, ids, wrong, plate)[outside].mean() > 100
    assert (completed(alpha, ids, wrong, plate, taken=taken) == alpha).all()
