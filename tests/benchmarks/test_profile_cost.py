"""Rounds of A B B A, and what their interval says of what was promised."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import profile_cost
from benchmarks.profile_cost import Cost, Round, Took, rounds_of, verdict
from trt_anime.runtime.profiling.chain.recorder import ChainRecorder


def rounds(count: int) -> NDArray[np.float64]:
    """Noise about 0, as wide as 1."""
    found = np.random.default_rng(5).standard_normal(count)
    return np.asarray((found - np.median(found)) / found.std())


def test_rounds_begin_in_turn_with_and_without_a_recorder(tmp_path: Path) -> None:
    ran: list[bool] = []

    def run(output: Path, on: bool) -> float:
        output.mkdir()  # gone again by the next
        ran.append(on)
        return 1.0 if on else 0.0

    rounds = rounds_of(run, tmp_path / "out", seconds=0.0)
    assert ran == [False, *(True, False, False, True), *(False, True, True, False)]
    for one in rounds:
        assert [took.own_s for took in (*one.on, *one.off)] == [1.0, 1.0, 0.0, 0.0]
    assert not list(tmp_path.iterdir())


def test_a_machine_that_grows_slower_evenly_is_no_cost() -> None:
    a, b, c, d = (Took(seconds, 2 * seconds, 0.0) for seconds in (10.0, 11.0, 12.0, 13.0))
    for one in (Round((a, d), (b, c)), Round((b, c), (a, d))):
        assert one.time == one.cpu == 1.0


@pytest.mark.parametrize(
    ("mean", "words"),
    [(1.005, "under 2%"), (1.04, "over 2%"), (1.02, "under or over 2%, which isn't sure")],
)
def test_what_is_said_is_as_sure_as_the_interval(mean: float, words: str) -> None:
    ratios = tuple(mean + 0.03 * rounds(40))
    row = Cost("chain", ratios, ratios, own=0.0).content()["time"]
    assert row["mean_low"] < mean - 1 < row["mean_high"]
    assert verdict(row) == words


def test_one_hiccup_is_not_what_profiling_costs() -> None:
    ratios = tuple(1.005 + 0.01 * rounds(39))
    row = Cost("chain", (*ratios, 1.6), (1.0,) * 40, own=0.0).content()["time"]
    assert row["high"] == 0.6 and verdict(row) == "under 2%"


def test_the_interval_holds_the_mean_nineteen_times_of_twenty() -> None:
    rng, held = np.random.default_rng(7), 0
    for _ in range(200):
        low, high = profile_cost._interval(1.01 + 0.02 * rng.standard_normal(16))
        held += low < 1.01 < high
    assert 180 <= held <= 198


def test_the_chain_runs_with_all_that_profiling_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorders: list[ChainRecorder] = []

    class Kept(ChainRecorder):
        def close(self) -> None:
            super().close()
            recorders.append(self)

    monkeypatch.setattr(profile_cost, "ChainRecorder", Kept)
    scene = replace(profile_cost._SCENE, width=160, height=90, frames=8)
    monkeypatch.setattr(profile_cost, "_SCENE", scene)
    run = profile_cost._chain(tmp_path)
    assert run(tmp_path / "with", True) > 0 and run(tmp_path / "without", False) == 0
    [recorder] = recorders
    found = recorder.recording
    assert found.pass_names()[:3] == ["look", "matte", "segment"] and "effects" in found.pass_names()
    assert found.pipeline is not None and sum(one.frames for one in found.pipeline.written) == 8
    [matte] = found.within("matte")
    inside = [one for one in found.samples if matte.start_s <= one.at_s <= matte.end_s]
    assert found.pipeline.samples == inside and len(inside) < len(found.samples)
