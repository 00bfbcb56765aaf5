"""Two sheets at different speeds come back as two; one sheet stays one, whatever walks before it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.runtime.plates.parallaxes import FRAMES, SPEEDS, Parallax, wood_plate
from tests.runtime.plates.shoots import SIZE, Shoot, camera, painting, psnr
from trt_anime.errors import InputError
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.files import read_plate, write_plate
from trt_anime.runtime.plates.filling import fill_simple, filled
from trt_anime.runtime.plates.gathering import gathered
from trt_anime.runtime.plates.making import plates_of
from trt_anime.runtime.plates.motions import followed
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.seen import Frames, Seen

PAN = Shoot(tuple(camera(400 + 7.3 * step, 300 + 1.1 * step) for step in range(FRAMES)), share=0.15)


def made(frames: Frames) -> Plate:
    (plate,) = plates_of(frames, fill_simple)
    return plate


@pytest.fixture(scope="module")
def plate() -> Plate:
    return made(Parallax().frames)


def quality(plate: Plate, shoot: Parallax) -> tuple[float, float]:
    """PSNR of the views against the truth where the frame shows the background, and where others do."""
    views, truths, hidden, holes = (
        np.stack([of(number) for number in range(FRAMES)])
        for of in (plate.view, wood_plate, shoot.hidden, plate.holes)
    )
    assert (holes > 0).mean() < 0.05
    return psnr(views, truths, hidden == 0), psnr(views, truths, (hidden > 0) & (holes == 0))


def test_views_of_two_sheets_are_close_to_the_truth(plate: Plate) -> None:
    visible, behind = quality(plate, Parallax())
    assert visible > 40 and behind > 30


def test_two_sheets_are_found_in_noise() -> None:
    visible, behind = quality(made(Parallax(noise=3).frames), Parallax())
    assert visible > 36 and behind > 28


def test_each_sheet_moves_at_its_own_speed(plate: Plate) -> None:
    far, near = plate.sheets
    for sheet, speed in ((far, SPEEDS[0]), (near, SPEEDS[1])):
        moved = sheet.matrices[-1, :2, 2] - sheet.matrices[0, :2, 2]
        assert np.abs(moved - (speed * (FRAMES - 1), 0)).max() < 0.1


def test_the_far_sheet_goes_on_behind_the_near_one(plate: Plate) -> None:
    far, near = plate.sheets
    alone = Plate(far.colours, far.seen, plate.motions, far.matrices)
    number = FRAMES // 2
    alpha = near.view(number, SIZE)[..., 3]
    covered = (alpha > 200) & (alone.holes(number) == 0)
    assert covered.mean() > 0.02
    assert psnr(alone.view(number), wood_plate(number, near=False), covered) > 22
    assert psnr(alone.view(number), wood_plate(number, near=False), alpha == 0) > 38


def test_the_canvas_shows_both_sheets_without_holes(plate: Plate) -> None:
    assert plate.canvas.shape[:2] == plate.seen.shape and (plate.seen > 0).mean() > 0.9
    single = gathered(Parallax().frames, plate.motions)
    assert plate.canvas.shape == single.canvas.shape
    middle = plate.matrices[FRAMES // 2, :2, 2] + (SIZE[1] / 2, SIZE[0] / 2)
    column = round(middle[0])
    strip = (slice(10, 170), slice(column - 3, column + 4))
    left = round(plate.matrices[FRAMES // 2, 0, 2])
    truth = wood_plate(FRAMES // 2)[10:170, column - 3 - left : column + 4 - left]
    assert psnr(plate.canvas[strip], truth, np.ones(truth.shape[:2], bool)) > 24


def test_the_same_frames_give_the_same_sheets(tmp_path: Path, plate: Plate) -> None:
    first, again = (
        write_plate(tmp_path / name, 1, one)
        for name, one in (("first", plate), ("again", made(Parallax().frames)))
    )
    assert [path.name for path in first] == [path.name for path in again]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, again, strict=True))


def test_sheets_come_back_from_the_disk(tmp_path: Path, plate: Plate) -> None:
    files = write_plate(tmp_path, 3, plate)
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert {"shot_0003_sheet1.png", "shot_0003_sheet2.png", "shot_0003_sheet2_seen.png"} <= {
        path.name for path in files
    }
    again = read_plate(tmp_path, 3)
    for number in range(FRAMES):
        assert (again.view(number) == plate.view(number)).all()
        assert (again.holes(number) == plate.holes(number)).all()


def test_a_missing_sheet_is_named(tmp_path: Path, plate: Plate) -> None:
    write_plate(tmp_path, 3, plate)
    (tmp_path / "shot_0003_sheet2.png").unlink()
    with pytest.raises(InputError, match=r"shot_0003_sheet2\.png"):
        read_plate(tmp_path, 3)


def single(frames: Frames) -> Plate:
    return filled(gathered(frames, followed(frames)[0]), fill_simple)


def same(one: Plate, other: Plate) -> bool:
    return (
        not one.sheets and np.array_equal(one.canvas, other.canvas) and np.array_equal(one.seen, other.seen)
    )


@pytest.mark.parametrize(
    "shoot",
    [
        PAN,
        replace(PAN, share=0.4),
        replace(PAN, jpeg=80),
        replace(PAN, noise=4),
        Shoot(tuple(camera(500.5, 300.5) for _ in range(FRAMES)), noise=3),
        Shoot(tuple(camera(500, 300, 1.03**step) for step in range(FRAMES))),
    ],
    ids=["pan", "large walker", "compressed", "noise", "still", "zoom"],
)
def test_one_sheet_is_made_as_without_a_second(shoot: Shoot) -> None:
    passes = 0

    def frames() -> Iterator[Seen]:
        nonlocal passes
        passes += 1
        return shoot.frames()

    assert same(made(frames), single(shoot.frames))
    assert passes <= 4


def with_a_box(number: int, at: tuple[float, float], size: int) -> Pixels:
    """uint8 [H,W,3]: the pan, with a painted box at (x, y) of the frame that no mask knows of."""
    picture = PAN.seen(number).rgb.copy()
    x, y = round(at[0]), round(at[1])
    picture[y : y + size, x : x + size] = painting(9)[:size, :size]
    return picture


def test_a_box_that_a_mask_missed_in_a_few_frames_is_no_sheet() -> None:
    def frames() -> Iterator[Seen]:
        for seen in PAN.frames():
            shows = 5 <= seen.index < 9
            rgb = with_a_box(seen.index, (30 + 18 * seen.index, 40), 100) if shows else seen.rgb
            yield replace(seen, rgb=rgb)

    assert same(made(frames), single(frames))


@pytest.mark.parametrize("size", [44, 90])
def test_a_thing_that_all_masks_missed_is_no_sheet(size: int) -> None:
    def frames() -> Iterator[Seen]:
        for seen in PAN.frames():
            yield replace(seen, rgb=with_a_box(seen.index, (220 - 14 * seen.index, 60), size))

    assert same(made(frames), single(frames))
