"""Where shots begin."""

import subprocess
import sys

import numpy as np
import pytest

from trt_anime.runtime.lookahead.reduced import Reduced
from trt_anime.runtime.lookahead.shots import PRIMING_FRAMES, Shots
from trt_anime.runtime.media.frames import Pixels


def place(seed: int) -> Pixels:
    """uint8 [180, 960, 3]: a wide background of coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 32, 3), dtype=np.uint8)
    return blocks.repeat(30, 0).repeat(30, 1)


def view(seed: int, left: int = 0) -> Pixels:
    return np.ascontiguousarray(place(seed)[:, left : left + 320])


def starts(frames: list[Pixels], primed: int = 0) -> list[int]:
    shots = Shots()
    return [
        index for index, frame in enumerate(frames) if shots.begins(Reduced.of(frame)) and index >= primed
    ]


def test_the_first_frame_begins_a_shot() -> None:
    assert starts([view(1)] * 3) == [0]


def test_cuts() -> None:
    frames = [view(seed) for seed in (1, 2, 3) for _ in range(4)]
    assert starts(frames) == [0, 4, 8]


def test_a_fast_pan_is_one_shot() -> None:
    """Its first step may look like a cut; what follows looks the same and must not."""
    pan = [view(1, left) for left in range(0, 600, 40)]
    assert set(starts([view(1)] * 3 + pan)) <= {0, 4}


def test_a_cut_out_of_a_slow_pan() -> None:
    frames = [view(1, left) for left in range(0, 20, 2)] + [view(2)] * 3
    assert starts(frames) == [0, 10]


def test_nothing_starts_after_a_flash() -> None:
    frames = [view(1)] * 4 + [np.full((180, 320, 3), 255, np.uint8)] + [view(1)] * 4
    assert 5 not in starts(frames)


def test_a_fade_is_no_cut() -> None:
    frames = [np.asarray(view(1) * (1 - step / 30), np.uint8) for step in range(30)]
    assert starts(frames) == [0]


@pytest.mark.parametrize("first", range(1, 24))
def test_depends_on_the_frames_it_names_and_on_no_others(first: int) -> None:
    chance = np.random.default_rng(5)
    frames: list[Pixels] = []
    while len(frames) < 24:
        seed, step = int(chance.integers(9)), int(chance.integers(0, 60))
        frames += [view(seed, min(640, step * index)) for index in range(int(chance.integers(1, 6)))]
    through = [index for index in starts(frames[:24]) if index >= first]
    primed = max(0, first - PRIMING_FRAMES)
    assert [primed + index for index in starts(frames[primed:24], primed=first - primed)] == through


def test_the_detector_is_imported_late() -> None:
    code = "import sys, trt_anime.runtime.lookahead.stage; sys.exit('scenedetect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
