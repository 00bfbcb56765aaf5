"""Figures of a run whose figures are known."""

from itertools import pairwise

import pytest

from tests.runtime.profiling.recordings import PERIOD_S, recording
from trt_anime.runtime.profiling import figures
from trt_anime.runtime.profiling.spans import Recording
from trt_anime.runtime.profiling.steady import busy_s, seconds_per_frame, window_of
from trt_anime.runtime.profiling.waterfall import waterfall


def row(rows: list[dict[str, object]], name: str) -> dict[str, object]:
    return next(one for one in rows if one["name"] == name)


def test_the_steady_part_leaves_out_both_ends() -> None:
    window = window_of(recording())
    assert [window.batches[0].frame, window.batches[-1].frame] == [
        9,
        98,
    ]  # three rounds of three slots; a lane
    assert window.seconds == pytest.approx(90 * PERIOD_S)
    assert window.frames / window.seconds == pytest.approx(100)
    assert seconds_per_frame(window) == pytest.approx([PERIOD_S] * 23)


def test_a_hiccup_at_the_start_is_not_steady() -> None:
    late = recording()
    late.written[0] = late.written[0]._replace(at_s=late.written[0].at_s - 5)
    window = window_of(late)
    assert window.frames / window.seconds == pytest.approx(100)


def test_a_short_run_keeps_most_of_itself() -> None:
    window = window_of(recording(12))
    assert len(window.batches) == 7
    assert window.frames / window.seconds == pytest.approx(100)


def test_nothing_was_written() -> None:
    assert window_of(Recording()).seconds == 0
    assert figures.figures([Recording()]) == []


def test_every_step_has_its_own_time() -> None:
    rows = figures.figures([recording(), recording()])
    found = {str(one["name"]): float(str(one["p50_ms"])) for one in rows}
    assert found == pytest.approx(
        {
            "decode": 1.0,
            "look ahead": 0.5,
            "wait for a slot": 2.0,
            "fill": 0.3,
            "submit": 0.2,
            "copy in": 0.1,
            "queue before stage 2a": 0.4,
            "stage 2a": 8.0,
            "queue before copy out": 0.2,
            "copy out character": 0.1,
            "queue before encode": 0.6,
            "encode character": 4.0,
            "slot": 13.9,
        },
        abs=1e-3,
    )
    stage = row(rows, "stage 2a")
    assert stage["count"] == 180 and stage["kind"] == "device"
    assert stage["share_of_wall"] == pytest.approx(0.8, abs=0.01)
    assert row(rows, "wait for a slot")["kind"] == "wait" and row(rows, "decode")["kind"] == "host"


def test_busy_shares_and_overlap() -> None:
    found = {one["name"]: one for one in figures.resources(recording())}
    assert found["compute"]["busy"] == pytest.approx(0.8, abs=0.005)
    assert found["feed"]["busy"] == pytest.approx(0.2, abs=0.005)  # waiting is not work
    assert found["encode"]["tracks"] == 2 and found["encode"]["busy"] == pytest.approx(0.2, abs=0.005)
    whole = figures.overlap(recording())
    assert whole["device_idle"] == pytest.approx(0.2, abs=0.005)
    assert whole["overlap"] == pytest.approx(0.2 + 0.01 + 0.8 + 0.01 + 0.4, abs=0.01)
    assert whole["cpu_cores_busy"] == pytest.approx(1.5, abs=0.01)
    assert whole["others_cores_busy"] == pytest.approx(0.5, abs=0.01)


def test_covered_seconds_count_once() -> None:
    assert busy_s([(0, 2), (1, 3), (5, 6), (5.2, 5.4)]) == pytest.approx(4)
    assert busy_s([]) == 0


def test_the_way_of_a_frame_is_in_order_and_whole() -> None:
    rows = waterfall(recording())
    assert [one["name"] for one in rows][:3] == ["decode", "look ahead", "wait for a slot"]
    for before, after in pairwise(rows):
        assert after["start_ms"] == pytest.approx(before["start_ms"] + before["ms"], abs=0.002)
    assert rows[-1]["start_ms"] + rows[-1]["ms"] == pytest.approx(17.4, abs=0.01)
    assert waterfall(Recording()) == []


def test_samples_are_thinned_and_keep_their_order() -> None:
    found = figures.samples(recording(3000))
    assert len(found["decode"]) <= 2000 and found["decode"][0] == pytest.approx(1.0)
    assert found["frame"] == pytest.approx([10.0] * len(found["frame"]))
