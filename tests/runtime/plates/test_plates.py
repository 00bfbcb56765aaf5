"""Plates show what was behind the walker, and give every frame its background back."""

import cv2
import numpy as np
import pytest

from tests.runtime.plates.shoots import SIZE, Shoot, camera, psnr
from trt_anime.errors import InputError
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.filling import fill_simple, filled
from trt_anime.runtime.plates.gathering import gathered
from trt_anime.runtime.plates.layout import LARGEST
from trt_anime.runtime.plates.making import plates_of
from trt_anime.runtime.plates.motions import followed
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.seen import Seen

FRAMES = 10
STILL = tuple(camera(500.5, 300.5) for _ in range(FRAMES))
PAN = tuple(camera(400 + 7.3 * step, 300 + 1.1 * step) for step in range(FRAMES))


def made(shoot: Shoot) -> Plate:
    (plate,) = plates_of(shoot.frames, fill_simple)
    return plate


def quality(plate: Plate, shoot: Shoot) -> tuple[float, float]:
    """PSNR of the views against the truth where the frame shows the background, and where others do."""
    views, truths, hidden, holes = (
        np.stack([of(number) for number in range(len(shoot.cameras))])
        for of in (plate.view, shoot.plate, shoot.hidden, plate.holes)
    )
    return psnr(views, truths, hidden == 0), psnr(views, truths, (hidden > 0) & (holes == 0))


def test_a_still_background_comes_back_bit_for_bit() -> None:
    shoot = Shoot(STILL)
    plate = made(shoot)
    shown = plate.seen > 0
    assert shown.mean() > 0.95
    assert (plate.canvas[shown] == shoot.plate(0)[shown]).all()
    assert (plate.view(3) == plate.canvas).all()


def test_noise_is_averaged_away() -> None:
    outside, inside = quality(made(Shoot(STILL, noise=3)), Shoot(STILL))
    assert outside > 46 and inside > 45


@pytest.mark.parametrize(
    ("shoot", "outside", "inside"),
    [
        (Shoot(PAN), 41, 43),
        (Shoot(PAN, share=0.42), 39, 42),
        (Shoot(PAN, jpeg=85), 34, 34),
        (Shoot(tuple(camera(500, 300, 1.04**step) for step in range(FRAMES))), 46, 46),
        (Shoot(tuple(camera(500 + 3 * step, 300, 1, 0.01 * step) for step in range(FRAMES))), 45, 46),
        (Shoot(STILL, light=lambda step: (1 + 0.05 * float(np.sin(2 * step)), 3.0 * (step % 2))), 55, 54),
    ],
    ids=["pan", "large walker", "compressed", "zoom", "turn", "flicker"],
)
def test_views_are_close_to_the_truth(shoot: Shoot, outside: float, inside: float) -> None:
    seen, behind = quality(made(shoot), shoot)
    assert seen > outside and behind > inside


def test_a_zoom_is_kept_in_the_detail_of_its_closest_frame() -> None:
    shoot = Shoot(tuple(camera(500, 300, 1.08**step) for step in range(FRAMES)))
    closest = 1.08 ** (FRAMES - 1)
    assert made(shoot).canvas.shape[1] == pytest.approx(SIZE[1] * closest, rel=0.02)


def test_somebody_whom_the_matte_missed_does_not_stay_on_the_plate() -> None:
    shoot = Shoot(STILL, share=0.1)
    plain = np.zeros(SIZE, np.uint8)

    def frames() -> "list[Seen]":
        return [
            Seen(seen.index, seen.rgb, seen.hidden if n % 4 else plain)
            for n, seen in enumerate(shoot.frames())
        ]

    plate = gathered(lambda: iter(frames()), followed(lambda: iter(frames()))[0])
    assert psnr(plate.canvas, shoot.plate(0), plate.seen > 0) > 38


def test_holes_are_what_no_frame_shows() -> None:
    standing = np.zeros(SIZE, np.uint8)
    standing[40:120, 100:180] = 255
    shoot = Shoot(STILL, share=0)
    plate = gathered(
        lambda: (Seen(n, s.rgb, standing) for n, s in enumerate(shoot.frames())), followed(shoot.frames)[0]
    )
    assert (plate.holes(0)[standing > 0] == 255).all()
    wider = cv2.dilate(standing, np.ones((9, 9), np.uint8))
    assert (plate.holes(0)[wider == 0] == 0).all()


def test_filling_leaves_what_was_seen_and_has_no_seam() -> None:
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]]
    slope = np.dstack([rows, columns / 2, rows / 2 + columns / 4]).astype(np.uint8)
    hidden = np.zeros(SIZE, np.uint8)
    cv2.circle(hidden, (160, 90), 40, 255, -1)
    picture = np.where(hidden[..., None] > 0, np.uint8(255), slope)

    def biased(crop: Pixels, hole: Pixels) -> Pixels:
        assert (crop.shape[:2] == hole.shape) and set(np.unique(hole)) <= {0, 255}
        return np.asarray(np.clip(fill_simple(crop, hole).astype(int) + 20, 0, 255), np.uint8)

    def frames() -> "list[Seen]":
        return [Seen(0, picture, hidden)]

    plate = gathered(lambda: iter(frames()), followed(lambda: iter(frames()))[0])
    whole = filled(plate, biased)
    assert (whole.canvas[plate.seen > 0] == slope[plate.seen > 0]).all()
    assert (whole.seen == plate.seen).all()
    step = np.abs(np.diff(whole.canvas.astype(int), axis=1)).max()
    assert step <= 12
    unbiased = filled(plate, fill_simple).canvas.astype(int)
    assert np.abs(whole.canvas - unbiased).max() <= 3


def test_a_frame_keeps_what_moves_in_its_background_and_not_its_noise() -> None:
    shoot = Shoot(PAN)
    plate, seen = made(shoot), shoot.seen(4)
    apart = cv2.dilate(seen.hidden, np.ones((41, 41), np.uint8)) == 0
    row, column = np.argwhere(apart[8:-8, 8:-8])[0] + 8
    noise = np.random.default_rng(5).integers(-2, 3, seen.rgb.shape)
    moving = np.clip(seen.rgb + noise, 0, 255).astype(np.uint8)
    leaf = (slice(row - 4, row + 5), slice(column - 4, column + 5))
    moving[leaf] = 255 - plate.view(4)[leaf] // 2
    behind = plate.behind(4, moving, seen.hidden)
    assert (behind[leaf][2:-2, 2:-2] == moving[leaf][2:-2, 2:-2]).all()
    still = apart.copy()
    still[row - 8 : row + 9, column - 8 : column + 9] = False
    gap = np.abs(behind.astype(int) - plate.view(4))[still]
    assert gap.mean() < 0.3 * np.abs(moving.astype(int) - plate.view(4))[still].mean()
    behind = plate.behind(4, seen.rgb, seen.hidden)
    assert psnr(behind, shoot.plate(4), (seen.hidden > 0) & (plate.holes(4) == 0)) > 40


def test_a_shot_that_goes_too_far_is_cut_in_pieces_that_fit() -> None:
    rows = [[camera(200.5 + 190 * step, 120.5 + 90 * row) for step in range(7)] for row in range(5)]
    cameras = tuple(at for number, row in enumerate(rows) for at in row[:: (-1) ** number])
    shoot = Shoot(cameras, share=0.0)
    with pytest.raises(InputError, match="more than one plate can hold"):
        gathered(shoot.frames, followed(shoot.frames)[0])
    plates = list(plates_of(shoot.frames, fill_simple))
    assert len(plates) > 1
    assert [plate.piece for plate in plates] == list(range(1, len(plates) + 1))
    assert sum((plate.motions.frames for plate in plates), ()) == tuple(range(35))
    assert all(plate.seen.size <= 1.02 * LARGEST * SIZE[0] * SIZE[1] for plate in plates)
    for plate in plates:
        frame = plate.motions.frames[-1]
        assert psnr(plate.view(frame), shoot.plate(frame), np.ones(SIZE, bool)) > 38


def test_a_frame_of_another_shot_is_refused() -> None:
    plate = made(Shoot(STILL[:2]))
    with pytest.raises(KeyError):
        plate.view(7)


def test_a_shot_that_never_shows_its_background_has_a_plate_all_invented() -> None:
    covered = np.full(SIZE, 255, np.uint8)
    shoot = Shoot(STILL[:3])
    (plate,) = plates_of(
        lambda: (Seen(n, s.rgb, covered) for n, s in enumerate(shoot.frames())), fill_simple
    )
    assert plate.view(1).shape == (*SIZE, 3)
    assert (plate.holes(1) == 255).all()
