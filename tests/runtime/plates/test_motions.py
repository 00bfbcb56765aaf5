"""A camera is followed to a few hundredths of a pixel, whoever walks before it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.runtime.plates.shoots import SIZE, Shoot, camera
from trt_anime.runtime.plates.aligning import corners_apart
from trt_anime.runtime.plates.motions import Motions, followed
from trt_anime.runtime.plates.seen import Matrix, Seen

FRAMES = 10
STILL = tuple(camera(500.5, 300.5) for _ in range(FRAMES))
PAN = tuple(camera(400 + 7.3 * step, 300 + 1.1 * step) for step in range(FRAMES))


def shaken(step: int) -> Matrix:
    rng = np.random.default_rng(step)
    return camera(500 + rng.uniform(-40, 40), 300 + rng.uniform(-30, 30))


def error(motions: Motions, cameras: tuple[Matrix, ...]) -> float:
    """Pixels that the worst corner of the worst frame is off."""
    start = np.linalg.inv(cameras[0])
    pairs = zip(motions.matrices, cameras, strict=True)
    return max(corners_apart(found, start @ true, SIZE) for found, true in pairs)


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_a_camera_that_stands_still_is_exactly_the_identity(noise: float) -> None:
    motions = followed(Shoot(STILL, noise=noise).frames)[0]
    assert (motions.matrices == np.eye(3)).all()
    assert (motions.gains == 1).all() and (motions.offsets == 0).all()
    assert (motions.sure == 1).all()


def test_a_pan_by_whole_pixels_is_found_exactly() -> None:
    cameras = tuple(camera(500.5 + 3 * step, 300.5 + step) for step in range(FRAMES))
    motions = followed(Shoot(cameras).frames)[0]
    assert error(motions, cameras) == 0


@pytest.mark.parametrize(
    ("cameras", "limit"),
    [
        (PAN, 0.05),
        (tuple(camera(200 + 60.3 * step, 300) for step in range(FRAMES)), 0.15),
        (tuple(shaken(step) for step in range(FRAMES)), 0.07),
        (tuple(camera(500, 300, 1.055**step) for step in range(FRAMES)), 0.05),
        (tuple(camera(500, 300, 1.4 * 0.96**step) for step in range(FRAMES)), 0.1),
        (tuple(camera(500 + 3 * step, 300, 1 + 0.005 * step, 0.01 * step) for step in range(FRAMES)), 0.05),
    ],
    ids=["pan", "fast pan", "shake", "zoom in", "zoom out", "turn"],
)
def test_moves_are_found_behind_a_walker(cameras: tuple[Matrix, ...], limit: float) -> None:
    motions = followed(Shoot(cameras, share=0.3).frames)[0]
    assert error(motions, cameras) < limit
    assert motions.sure.min() > 0.5


def test_compression_and_a_walker_over_two_fifths_of_the_picture_do_not_drag_the_plate() -> None:
    motions = followed(Shoot(PAN, share=0.42, jpeg=85).frames)[0]
    assert error(motions, PAN) < 0.08


def test_a_pan_there_and_back_ends_where_it_began() -> None:
    there = tuple(camera(300 + 41.7 * step, 300) for step in range(8))
    cameras = (*there, *reversed(there))
    motions = followed(Shoot(cameras, share=0.15).frames)[0]
    assert corners_apart(motions.matrices[-1], np.eye(3), SIZE) < 0.06


def test_a_camera_that_jumps_back_is_found_again() -> None:
    there = tuple(camera(200.5 + 190 * step, 300.5) for step in range(6))
    cameras = (*there, camera(230.5, 330.5))
    motions = followed(Shoot(cameras, share=0.1).frames)[0]
    assert error(motions, cameras) < 0.1
    assert motions.sure.min() > 0


def test_flicker_is_told_from_stillness() -> None:
    def light(step: int) -> tuple[float, float]:
        return 1 + 0.06 * float(np.sin(2.1 * step)), 4 * float(np.cos(step))

    motions = followed(Shoot(STILL, light=light).frames)[0]
    assert (motions.matrices == np.eye(3)).all()
    true = np.array([light(step) for step in range(FRAMES)])
    relative = motions.gains[:, 0] * true[0, 0] / motions.gains[0, 0]
    assert np.abs(relative - true[:, 0]).max() < 0.005


def test_a_fade_keeps_its_brightest_light_for_the_plate() -> None:
    motions = followed(Shoot(PAN, light=lambda step: (0.07 + 0.09 * step, 0.0)).frames)[0]
    known = motions.sure > 0
    assert known[2:].all()
    assert 0.9 < motions.gains[-1].mean() < 1.4
    assert motions.gains[known][0].mean() < 0.4


def test_a_frame_of_something_else_is_not_placed_by_guess() -> None:
    shoot, other = Shoot(STILL), Shoot(tuple(camera(1300, 600) for _ in range(FRAMES)))

    def frames() -> Iterator[Seen]:
        for number, seen in enumerate(shoot.frames()):
            yield other.seen(number) if number in (4, 5) else seen

    sure = followed(frames)[0].sure
    assert (sure[4:6] == 0).all()
    assert (np.delete(sure, (4, 5)) > 0.9).all()


def test_nothing_is_sure_where_all_is_hidden() -> None:
    def frames() -> Iterator[Seen]:
        for number, seen in enumerate(Shoot(STILL).frames()):
            yield replace(seen, hidden=np.full(SIZE, 255, np.uint8)) if number == 3 else seen

    motions = followed(frames)[0]
    assert motions.sure[3] == 0 and motions.sure[4] == 1
    assert (motions.matrices == np.eye(3)).all()


def test_a_plain_wall_is_taken_to_stand_still() -> None:
    wall = np.full((*SIZE, 3), 128, np.uint8)
    motions = followed(lambda: (Seen(n, wall, np.zeros(SIZE, np.uint8)) for n in range(3)))[0]
    assert (motions.matrices == np.eye(3)).all()
    assert (motions.sure > 0).all() and (motions.sure < 0.5).all()
