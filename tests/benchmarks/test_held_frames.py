"""The verdict on held frames: what counts as a failure, and how frames are counted."""

import json
from dataclasses import replace

import numpy as np

from benchmarks.held_clips import Clip
from benchmarks.held_frames import tally
from benchmarks.held_report import Cost, CutScore, Findings, Tally, document, failures
from samples.arrays import U8

GOOD = Tally(
    must=True,
    held=20,
    changed=28,
    found={"fast": 19},
    wrong={"fast": 0},
    starts=3,
    starts_found=3,
    starts_wrong=0,
)
COST = Cost(repeat=1.5, fresh=1.2, median=1.4, mean=1.4, high=2.0)


def findings(
    film: Tally = GOOD, case: Tally = GOOD, quality: str = "x264 crf 23", cost: Cost = COST
) -> Findings:
    cuts = {"ours": CutScore(cuts=10, found=9, wrong={"flash": 3}, cpu_ms=0.3)}
    return Findings({quality: [film]}, GOOD, {"pan": {quality: case}}, cuts, {"fast": cost})


def test_all_well() -> None:
    assert failures(findings()) == []
    facts = {"command": "me", "date": "today", "versions": "v", "machine": "c"}
    text = document(facts | json.loads(json.dumps(findings().content())))
    assert "All that is promised below holds" in text
    assert "| x264 crf 23 | 20 | 95.0 % / 100.0 % | 3 of 3, 0 false |" in text
    assert "| ours | 90.0 % | 75.0 % | 3 flash | 0.30 |" in text


def test_each_failure_is_named() -> None:
    few = replace(GOOD, found={"fast": 17})
    assert failures(findings(film=few)) == ["fast, x264 crf 23: 85.0 % of the held frames found"]
    wrong = replace(GOOD, wrong={"fast": 2})
    assert failures(findings(film=wrong)) == ["fast, x264 crf 23: false repeats in the films"]
    assert failures(findings(case=wrong)) == ["fast, x264 crf 23: pan, 2 false repeats"]
    assert failures(findings(cost=replace(COST, mean=3.2))) == ["fast: 3.2 ms a frame"]


def test_what_is_not_promised_does_not_fail() -> None:
    wrong = replace(GOOD, wrong={"fast": 2})
    assert failures(findings(case=replace(wrong, must=False))) == []
    assert failures(findings(film=wrong, case=wrong, quality="x264 crf 28")) == []


def test_frames_are_counted() -> None:
    """Four drawings; the second differs by less than can be told, and the last is held."""
    noise = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    faint = noise.copy()
    faint[0, 0] ^= 1
    pictures: list[U8] = [noise, faint, 255 - noise, noise, noise]
    clip = Clip("", (0, 1, 2, 3, 3), (0,), pictures.__getitem__)
    found = tally(clip, pictures)
    assert (found.held, found.changed) == (1, 4)
    assert found.found == {"fast": 1, "balanced": 1, "quality": 1}
    assert found.wrong == {"fast": 1, "balanced": 1, "quality": 1}
