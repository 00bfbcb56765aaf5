"""The comparison with rembg, without running either."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.agreement import Agreement
from benchmarks.contenders import Timing, layers_in
from benchmarks.footage import make_footage
from benchmarks.graph_profile import OTHER, PARTS, part_of
from benchmarks.machine import OtherLoad
from benchmarks.rembg_pairs import Facts, Measured
from benchmarks.rembg_report import report
from trt_anime.errors import InputError
from trt_anime.runtime.stages import STAGES

FACTS = Facts("2026-01-01", "python -m benchmarks.rembg_pairs", "cpu", "v", 0.01, "0", "0", 2, "a" * 64)


def measured(ratio: float) -> Measured:
    """rembg takes `ratio` times as long as we do, in every round."""
    ours = [Timing(0.2, {"decode": 0.01, "infer": 0.3, "encode": 0.005})] * 3
    parts = {"decode": 0.02, "network": 0.2, "around": 0.05, "encode": 0.1}
    theirs = [Timing(0.2 * ratio, parts)] * 3
    rounds = {
        "our command": ours,
        "our command, mp4": ours,
        "our library": ours,
        "rembg command": theirs,
        "rembg library": theirs,
    }
    return Measured(
        "720p", 24, Agreement(1.5, 3.0, 24), rounds, dict.fromkeys([*PARTS.values(), OTHER], 9.0)
    )


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(1.1, "below the floor"), (1.3, "above the floor"), (1.45, "reaches the aim")]
)
def test_the_report_says_what_was_reached(ratio: float, verdict: str) -> None:
    text = report(FACTS, [measured(ratio)])
    assert f"{ratio:.2f} times, {verdict}" in text
    assert "not quiet" not in text


def test_a_busy_machine_gets_no_verdict() -> None:
    text = report(replace(FACTS, others=0.3), [measured(2.0)])
    assert "not quiet" in text and "reaches the aim" not in text


def test_our_own_work_is_no_load_by_others() -> None:
    assert 0 <= OtherLoad().share() <= 1


def test_a_node_belongs_to_the_part_that_its_name_tells() -> None:
    names = [
        "pre/Pad_0_kernel_time",
        "net/Conv_3_kernel_time",
        "post/Mul_1_kernel_time",
        "ReorderInput_token_4",
    ]
    assert [part_of(name) for name in names] == ["prepare", "network", "finish", OTHER]


def test_layers_are_found_in_our_folder_and_in_rembgs(tmp_path: Path) -> None:
    for folder in (tmp_path / "ours" / STAGES["2a"].layers[0].folder, tmp_path / "theirs"):
        folder.mkdir(parents=True)
        (folder / "frame_000001.png").touch()
        (folder / "frame_000000.png").touch()
    found = [[file.name for file in layers_in(tmp_path / name)] for name in ("ours", "theirs")]
    assert found == [["frame_000000.png", "frame_000001.png"]] * 2


def test_footage_is_the_sample_clip_at_the_height_asked_for(tmp_path: Path) -> None:
    footage = make_footage(tmp_path, frames=2, height=180)
    files = sorted(footage.png.iterdir())
    picture = cv2.imread(str(files[0]))
    assert (len(files), footage.width) == (2, 320)
    assert picture is not None and picture.shape == (180, 320, 3) and np.ptp(picture) > 100
    with pytest.raises(InputError, match="1 to 96"):
        make_footage(tmp_path / "more", frames=97, height=180)
