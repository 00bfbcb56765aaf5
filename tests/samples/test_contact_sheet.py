"""The contact sheet shows the right frame in the right cell."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from samples.contact_sheet import CELL_WIDTH, GREEN, TITLE_HEIGHT, contact_sheet
from trt_anime.errors import InputError


def _write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


def test_cells(tmp_path: Path) -> None:
    """Left half opaque red, right half transparent: the four views follow from that."""
    frame = np.zeros((90, 160, 3), np.uint8)
    frame[:, :80] = (0, 0, 255)  # OpenCV's order: red
    layer = np.zeros((90, 160, 4), np.uint8)
    layer[:, :80] = (0, 0, 255, 255)
    for number in range(3):
        _write(tmp_path / "clip" / f"{number}.png", frame)
        _write(tmp_path / "out" / "stage2a_character_refine" / f"frame_{number:06d}.png", layer)
    sheet = contact_sheet(tmp_path / "clip", tmp_path / "out", rows=1)
    row = sheet[TITLE_HEIGHT + 20]
    left, right = CELL_WIDTH // 4, 3 * CELL_WIDTH // 4
    assert sheet.shape == (TITLE_HEIGHT + round(CELL_WIDTH * 90 / 160), 4 * CELL_WIDTH, 3)
    assert row[left].tolist() == [255, 0, 0] and row[right].tolist() == [0, 0, 0]
    assert row[CELL_WIDTH + left].tolist() == [255] * 3 and row[CELL_WIDTH + right].tolist() == [0] * 3
    assert row[2 * CELL_WIDTH + left].tolist() == [255, 0, 0]
    assert row[3 * CELL_WIDTH + left].tolist() == [255, 0, 0]
    assert row[3 * CELL_WIDTH + right].tolist() == list(GREEN)


def test_nothing_processed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no character frames"):
        contact_sheet(tmp_path / "clip", tmp_path, rows=1)
