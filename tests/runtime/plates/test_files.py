"""Plates come back from the disk bit for bit, and damage is named."""

from pathlib import Path

import numpy as np
import pytest

from tests.runtime.plates.shoots import Shoot, camera
from trt_anime.errors import InputError, OutputError
from trt_anime.runtime.plates.files import pieces_in, read_plate, write_plate
from trt_anime.runtime.plates.filling import fill_simple
from trt_anime.runtime.plates.making import plates_of
from trt_anime.runtime.plates.plate import Plate


@pytest.fixture(scope="module")
def plate() -> Plate:
    cameras = tuple(camera(400 + 7.3 * step, 300, 1 + step / 300, step / 700) for step in range(4))
    shoot = Shoot(cameras, light=lambda step: (1 - step / 20, step), first=20)
    (whole,) = plates_of(shoot.frames, fill_simple)
    return whole


def test_a_plate_comes_back_as_it_was(tmp_path: Path, plate: Plate) -> None:
    write_plate(tmp_path / "plates", 3, plate)
    again = read_plate(tmp_path / "plates", 3)
    assert (again.canvas == plate.canvas).all() and (again.seen == plate.seen).all()
    assert (again.matrices == plate.matrices).all()
    for name in ("size", "frames"):
        assert getattr(again.motions, name) == getattr(plate.motions, name)
    for name in ("matrices", "gains", "offsets", "sure"):
        assert np.array_equal(getattr(again.motions, name), getattr(plate.motions, name))
    assert (again.view(22) == plate.view(22)).all()
    assert pieces_in(tmp_path / "plates", 3) == 1 and pieces_in(tmp_path / "plates", 2) == 0


def test_the_files_have_the_shot_in_their_names(tmp_path: Path, plate: Plate) -> None:
    write_plate(tmp_path, 3, plate)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "shot_0003.json",
        "shot_0003.png",
        "shot_0003_seen.png",
    ]


def test_a_missing_plate_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run stage 2c"):
        read_plate(tmp_path, 1)


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"frames": [{}], "size": [1, 2]}', '{"frames": 3}'])
def test_a_damaged_table_is_named(tmp_path: Path, plate: Plate, damage: str) -> None:
    write_plate(tmp_path, 1, plate)
    (tmp_path / "shot_0001.json").write_text(damage)
    with pytest.raises(InputError, match=r"shot_0001\.json: is damaged"):
        read_plate(tmp_path, 1)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, plate: Plate) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        write_plate(tmp_path / "file" / "plates", 1, plate)
