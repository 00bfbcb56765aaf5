"""A real slowdown is told, noise is not: over many pairs of profiles that differ by a known factor."""

from typing import Any

import numpy as np
import pytest

from trt_anime.runtime.profiling.bootstrap import change
from trt_anime.runtime.profiling.compare import compare

Runs = list[list[float]]


def runs(rng: np.random.Generator, *, mean: float = 10.0, count: int = 3, frames: int = 80) -> Runs:
    """Frames vary by a tenth and lean on their neighbours; runs differ by a hundredth by themselves."""
    found = []
    for _ in range(count):
        noise = rng.normal(0, 0.1, frames)
        for index in range(1, frames):
            noise[index] = 0.5 * noise[index - 1] + noise[index] * np.sqrt(0.75)
        found.append(list(mean * (1 + rng.normal(0, 0.01)) * (1 + noise)))
    return found


def profile(samples: dict[str, Runs], **changes: Any) -> dict[str, Any]:
    count = len(next(iter(samples.values())))
    facts: dict[str, Any] = {
        "figures": [{"name": name} for name in samples if name != "frame"],
        "runs": [
            {"samples_ms": {name: found[at] for name, found in samples.items()}} for at in range(count)
        ],
        "clip": {"width": 1280, "height": 720},
        "device": {"title": "a CPU"},
        "machine": {"usable_cores": 2},
        "options": {"format": "png"},
        "memory": {"batch": 1},
        "stages": [{"number": "2a", "model": "toy", "precision": "fp32", "provider": "CPU"}],
        "others_cores_busy": 0.0,
    }
    return facts | changes


def test_the_interval_holds_the_truth() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(100):
        found = change(runs(rng, count=5), runs(rng, mean=11.0, count=5))
        assert found is not None and found.runs == 5
        assert found.low < found.ratio < found.high
        held += found.low <= 1.1 <= found.high
    assert held >= 85  # 95 promised; five runs say little about how runs differ


@pytest.mark.parametrize(("factor", "least", "most"), [(1.0, 0, 5), (1.1, 48, 50), (0.9, 0, 0)])
def test_slowdowns_fail_and_noise_does_not(factor: float, least: int, most: int) -> None:
    rng = np.random.default_rng(2)
    failed = 0
    for _ in range(50):
        names = ("frame", "decode", "stage 2a", "encode character")
        before = profile({name: runs(rng) for name in names})
        after = profile({name: runs(rng, mean=10 * factor) for name in names})
        failed += bool(compare(before, after).failures(0.03))
    assert least <= failed <= most


def test_a_slowdown_below_the_threshold_is_told_and_does_not_fail() -> None:
    rng = np.random.default_rng(3)
    steady, slow = ([list(rng.normal(mean, 0.05, 200)) for _ in range(4)] for mean in (10.0, 10.3))
    found = compare(
        profile({"frame": steady, "stage 2a": steady}), profile({"frame": slow, "stage 2a": slow})
    )
    assert [row.verdict for row in found.rows] == ["slower", "slower"]
    assert found.failures(0.05) == [] and len(found.failures(0.02)) == 2
    assert found.differences == ()


def test_waits_are_shown_and_never_fail() -> None:
    rng = np.random.default_rng(4)
    same = runs(rng)
    before = profile({"frame": same, "wait for a slot": same})
    after = profile({"frame": same, "wait for a slot": runs(rng, mean=50.0)})
    found = compare(before, after)
    assert [(row.name, row.verdict) for row in found.rows] == [
        ("frame", "noise"),
        ("wait for a slot", "slower"),
    ]
    assert found.failures(0.0) == []


def test_one_hiccup_is_no_slowdown() -> None:
    rng = np.random.default_rng(5)
    before, after = runs(rng), runs(rng)
    after[1][40] = 2000.0
    found = compare(profile({"frame": before}), profile({"frame": after}))
    assert found.failures(0.05) == []


def test_what_is_in_one_only_has_no_change() -> None:
    same = runs(np.random.default_rng(6))
    found = compare(profile({"frame": same, "stage 2a": same}), profile({"frame": same, "stage 2b": same}))
    assert [(row.name, row.change is None) for row in found.rows] == [
        ("frame", False),
        ("stage 2a", True),
        ("stage 2b", True),
    ]


def test_differences_are_named() -> None:
    same = {"frame": runs(np.random.default_rng(7), count=1)}
    other = profile(same, options={"format": "ffv1"}, others_cores_busy=1.3)
    assert compare(profile(same), other).differences == (
        "format: png against ffv1",
        "the first has one run only: how much runs differ by themselves isn't known",
        "the second was measured while other programs kept 1.3 cores busy",
        "the second has one run only: how much runs differ by themselves isn't known",
    )


def test_the_same_figures_give_the_same_interval() -> None:
    rng = np.random.default_rng(8)
    before, after = runs(rng), runs(rng)
    assert change(before, after) == change(before, after)
    assert change([], after) is None and change([[0.0]], after) is None
