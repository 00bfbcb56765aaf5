"""What both ways have written is compared file by file: differences are planted."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.chain.written import files_agree
from trt_anime.errors import EngineError

FRAMES = 3
Picture = NDArray[np.uint8]
LAYER = "character/frame_000001.png"
PLATE = "background/frame_000001.png"
TRACK = "tracks/frame_000002.png"


@pytest.fixture
def ways(tmp_path: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(11)
    pictures = {
        f"{folder}/frame_{number:06d}.png": rng.integers(0, most, (40, 50, *more), np.uint8)
        for folder, most, more in (("background", 256, (3,)), ("character", 256, (4,)), ("tracks", 3, ()))
        for number in range(FRAMES)
    }
    for way in ("ours", "theirs"):
        for name, picture in pictures.items():
            (tmp_path / way / name).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / way / name), picture)
    return tmp_path / "ours", tmp_path / "theirs"


def change(path: Path, place: Any, value: int | tuple[int, ...]) -> None:
    """Write the file again with another value there."""
    picture = np.array(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.uint8)
    picture[place] = value
    cv2.imwrite(str(path), picture)


def test_the_same_files_agree(ways: tuple[Path, Path]) -> None:
    words = files_agree(*ways, FRAMES)
    assert all(f"{folder} max 0" in words for folder in ("background", "character", "tracks"))


def test_another_compression_is_the_same_picture(ways: tuple[Path, Path]) -> None:
    picture = cv2.imread(str(ways[0] / LAYER), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    cv2.imwrite(str(ways[0] / LAYER), picture, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    assert "character max 0" in files_agree(*ways, FRAMES)


def test_backgrounds_differ_by_what_holes_do_to_them(ways: tuple[Path, Path]) -> None:
    for way in ways:
        change(way / PLATE, np.s_[:, :], (100, 100, 100))
    change(ways[0] / PLATE, (7, 9), (100, 160, 100))
    assert "background max 60" in files_agree(*ways, FRAMES)
    change(ways[0] / PLATE, np.s_[:8, :8], (100, 106, 100))
    with pytest.raises(EngineError, match=rf"{PLATE}, .* differs by .* p99 4, max 64 of 255 is allowed"):
        files_agree(*ways, FRAMES)


def test_one_pixel_of_one_layer_that_is_five_levels_off_is_named(ways: tuple[Path, Path]) -> None:
    for way in ways:
        change(way / LAYER, (7, 9), (100, 100, 100, 255))
    files_agree(*ways, FRAMES)
    change(ways[0] / LAYER, (7, 9, 1), 105)
    with pytest.raises(EngineError, match=rf"{LAYER}, .* differs by max 5, .* max 4 of 255 is allowed"):
        files_agree(*ways, FRAMES)


def test_colour_where_nothing_is_to_be_seen_counts_for_nothing(ways: tuple[Path, Path]) -> None:
    for way, level in zip(ways, (0, 200), strict=True):
        change(way / LAYER, 3, (level, level, level, 0))
    assert "character max 0" in files_agree(*ways, FRAMES)


def test_one_pixel_of_a_hundred_may_be_somebody_else_but_not_two(ways: tuple[Path, Path]) -> None:
    change(ways[1] / TRACK, (slice(19), 0), 9)
    assert "tracks max 1" in files_agree(*ways, FRAMES)
    change(ways[1] / TRACK, (slice(40), 0), 9)
    with pytest.raises(EngineError, match=rf"{TRACK}, .*another character"):
        files_agree(*ways, FRAMES)


def test_the_worst_file_is_named_and_the_others_are_counted(ways: tuple[Path, Path]) -> None:
    for number, rows in enumerate((1, 20, 2)):
        for way, alpha in zip(ways, (0, 255), strict=True):
            change(way / f"character/frame_{number:06d}.png", (slice(rows), ..., 3), alpha)
    with pytest.raises(EngineError, match=r"frame_000001.png, .* and 2 more of its folder"):
        files_agree(*ways, FRAMES)


def test_a_file_that_only_one_way_has_is_named(ways: tuple[Path, Path]) -> None:
    (ways[0] / LAYER).unlink()
    with pytest.raises(EngineError, match=rf"{LAYER} is among the files of PyTorch's way, but not"):
        files_agree(*ways, FRAMES)


def test_frames_that_both_ways_have_lost_are_missed(ways: tuple[Path, Path]) -> None:
    for way in ways:
        (way / LAYER).unlink()
    with pytest.raises(EngineError, match="3 frames in, but 2 out in character"):
        files_agree(*ways, FRAMES)


def test_another_size_and_what_is_no_picture_are_named(ways: tuple[Path, Path]) -> None:
    picture = cv2.imread(str(ways[0] / TRACK), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    cv2.imwrite(str(ways[0] / TRACK), picture[1:])
    with pytest.raises(EngineError, match=rf"{TRACK} is \(39, 50\) in ours, \(40, 50\) in PyTorch's"):
        files_agree(*ways, FRAMES)
    (ways[0] / TRACK).write_bytes(b"none")
    with pytest.raises(EngineError, match=rf"{TRACK} can't be decoded"):
        files_agree(*ways, FRAMES)


def test_nothing_written_is_no_agreement(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="neither way has written a file"):
        files_agree(tmp_path / "ours", tmp_path / "theirs", FRAMES)
