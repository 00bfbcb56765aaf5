"""Sizes that follow from a clip's size."""

import pytest

from trt_anime.errors import InputError
from trt_anime.export.temporal.xmem.sizes import MemoryProfile


@pytest.mark.parametrize(
    ("size", "short_side", "network", "margins", "grid"),
    [
        ((1080, 1920), 480, (480, 853), (0, 5, 0, 6), (30, 54)),
        ((480, 854), 480, (480, 854), (0, 5, 0, 5), (30, 54)),
        ((100, 150), None, (100, 150), (6, 5, 6, 5), (7, 10)),
        ((2000, 1000), 480, (960, 480), (0, 0, 0, 0), (60, 30)),
    ],
)
def test_sizes(
    size: tuple[int, int],
    short_side: int | None,
    network: tuple[int, int],
    margins: tuple[int, int, int, int],
    grid: tuple[int, int],
) -> None:
    profile = MemoryProfile(height=size[0], width=size[1], short_side=short_side)
    assert (profile.network_size, profile.margins, profile.grid) == (network, margins, grid)
    assert profile.capacity == 10_000 + 10 * grid[0] * grid[1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"height": 20}, "frames of 100x20"),
        ({"work_frames": 1}, "1 frames of memory"),
        ({"long_cells": 100}, "128 prototypes don't fit"),
    ],
)
def test_sizes_that_no_memory_has(changes: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        MemoryProfile(**{"height": 100, "width": 100, **changes})
