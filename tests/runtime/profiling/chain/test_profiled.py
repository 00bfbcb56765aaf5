"""Profiles of several stages: all of the time is in a row, each network in its own, as often as it ran."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.profiling.chain.conftest import FILL_S, FRAMES, SEGMENT_S, STAGES, Profiled
from trt_anime.runtime.profiling.chain.recording import NETWORK, PASS, SHOT
from trt_anime.runtime.profiling.compare import compare
from trt_anime.runtime.profiling.files import read_profile, write_profile
from trt_anime.runtime.profiling.perfetto import trace
from trt_anime.runtime.profiling.profiled import Profile

ORDER = ["look", "matte", "segment", "track", "find", "plate", "effects", "characters", "check", "preview"]


@pytest.fixture(scope="module")
def made(profiled: Profiled) -> Profile:
    return profiled(runs=3)


def rows(profile: Profile, of: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in profile.facts[of]}


def test_passes_are_there_in_order_and_make_up_the_run(made: Profile) -> None:
    facts = made.facts
    assert [row["name"] for row in facts["passes"]] == ORDER
    for run in facts["runs"]:
        passes = sum(ms[0] * FRAMES for name, ms in run["samples_ms"].items() if name.startswith(PASS))
        assert 0.85 < passes / 1000 / run["elapsed_s"] <= 1.0
        assert run["samples_ms"]["frame"] == [pytest.approx(run["elapsed_s"] / FRAMES * 1000, rel=1e-3)]
    assert sum(row["share"] for row in facts["passes"]) + facts["rest"]["share"] == pytest.approx(
        1, abs=0.1
    )
    starts = [row["start_s"] for row in facts["passes"]]
    assert starts == sorted(starts) and starts[0] == 0
    assert {row["frames"] for row in facts["passes"]} == {FRAMES}


def test_networks_ran_as_often_as_the_cadence_says(made: Profile) -> None:
    """A key frame in every so many fresh ones, and one fill for each plate with a hole."""
    found = rows(made, "networks")
    shots = [span for span in made.recording.spans if span.what == SHOT]
    assert len(shots) == 7 * len({span.frame for span in shots}), "one of each of seven passes"
    fill = found["paints inpaint (plate)"]
    assert fill["batch"] == 2 and fill["batches"].keys() == {"2"}
    assert 1 <= fill["runs"] <= rows(made, "passes")["plate"]["shots"]
    segment = found["finds segment (segment)"]
    assert segment["batch"] == 1 and segment["runs"] >= rows(made, "passes")["segment"]["shots"]
    told = [span for span in made.recording.spans if span.what == f"{NETWORK}finds segment (segment)"]
    assert len(told) == segment["runs"]


def test_key_frames_are_counted_one_by_one(profiled: Profiled) -> None:
    """Without held frames every fourth frame of each shot is one."""
    made = profiled("1", runs=1, held=False)
    starts = [span.frame for span in made.recording.spans if span.what == SHOT]
    lengths = [end - start for start, end in zip(starts, [*starts[1:], FRAMES], strict=True)]
    assert rows(made, "networks")["finds segment (segment)"]["runs"] == sum(-(-n // 4) for n in lengths)
    assert made.facts["held"]["reused"] == 0
    assert [row["name"] for row in made.facts["passes"]] == ["look", "segment", "preview"]


def test_a_network_takes_what_it_takes_and_its_copies_are_told(made: Profile) -> None:
    found = rows(made, "networks")
    for name, seconds in (
        ("finds segment (segment)", SEGMENT_S),
        ("paints inpaint (plate)", FILL_S),
    ):
        row = found[name]
        assert seconds * 1000 <= row["p50_ms"] <= row["p90_ms"] <= row["p99_ms"] <= row["max_ms"]
        assert row["s"] >= 0.99 * seconds * row["runs"]
        assert (row["provider"], row["precision"]) == ("fake", "fp32")
        assert row["copy_in"]["bytes"] % 3 == 0 and row["copy_out"]["bytes"] % 4 == 0
        assert row["copy_in"]["bytes"] // 3 == row["copy_out"]["bytes"] // 4, "RGB in, RGBA out"
        assert row["copy_in"]["count"] == row["copy_out"]["count"] == row["runs"]
    passes = rows(made, "passes")
    assert passes["plate"]["network_s"] == found["paints inpaint (plate)"]["s"]
    segment = found["finds segment (segment)"]
    assert segment["copy_in"]["bytes"] == 160 * 90 * 3 * segment["runs"]
    assert passes["segment"]["device_bytes"] == passes["segment"]["pinned_bytes"] == 160 * 90 * 7
    assert passes["effects"]["network_s"] == 0 and passes["effects"]["networks"] == []


def test_threads_are_seen_at_what_they_do(made: Profile) -> None:
    """The passes' own thread all of the time; others while they work."""
    for row in made.facts["passes"]:
        if row["s"] > 0.2:
            assert sum(row["own_thread_s"].values()) == pytest.approx(row["s"], rel=0.25, abs=0.12)
            assert sum(row["spent_s"].values()) == pytest.approx(
                sum(row["own_thread_s"].values()), abs=0.001
            )
    seen = {doing for row in made.facts["passes"] for doing in (*row["own_thread_s"], *row["helpers_s"])}
    assert {"compute", "decode", "network", "write files"} <= seen
    functions = {one["name"] for row in made.facts["passes"] for one in row["functions"]}
    assert any(name.startswith("plates/") for name in functions)


def test_memory_is_told_by_pass(made: Profile) -> None:
    peaks = [row["peak_bytes"] for row in made.facts["passes"] if row["s"] > 0.2]
    assert peaks and max(peaks) <= made.facts["memory"]["resident_peak_bytes"]
    assert min(peaks) > 10_000_000


def test_a_slower_network_is_in_its_row_and_a_slowdown(profiled: Profiled, made: Profile) -> None:
    slow = profiled(runs=3, fill_s=8 * FILL_S)
    before, after = (rows(one, "networks") for one in (made, slow))
    name = "paints inpaint (plate)"
    assert after[name]["p50_ms"] > 6 * before[name]["p50_ms"]
    found = compare(made.facts, slow.facts)
    failing = [row.name for row in found.failures(0.5)]
    assert f"{NETWORK}{name}" in failing
    assert f"{NETWORK}finds segment (segment)" not in failing
    verdicts = {row.name: row for row in found.rows}
    change = verdicts[f"{NETWORK}{name}"].change
    assert change is not None and 4 < change.ratio < 12  # its means lean on what else the machine does
    assert {f"{PASS}{name}" for name in ORDER} <= verdicts.keys()
    passes = [rows(one, "passes") for one in (made, slow)]
    assert passes[1]["plate"]["network_s"] > 6 * passes[0]["plate"]["network_s"]
    assert passes[1]["segment"]["network_s"] < 3 * passes[0]["segment"]["network_s"]


def test_one_run_each_says_nothing_of_how_sure_a_row_is(profiled: Profiled) -> None:
    first, second = (profiled("1", runs=1, segment_s=s) for s in (0.001, 0.03))
    found = {row.name: row for row in compare(first.facts, second.facts).rows}
    for name in (f"{PASS}segment", f"{NETWORK}finds segment (segment)"):
        change = found[name].change
        assert change is not None and not change.is_known
        assert not found[name].fails(0.0)


def test_no_layers_stay(profiled: Profiled, tmp_path: Path) -> None:
    made = profiled("1", runs=1)
    write_profile(tmp_path, made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["profile.json", "report.html", "trace.json"]
    assert read_profile(tmp_path) == json.loads(json.dumps(made.facts))
    assert made.facts["options"]["stages"] == ["1"] and made.facts["pipeline"] is None


def test_a_trace_has_passes_with_networks_inside(made: Profile) -> None:
    events = trace(made.recording)["traceEvents"]
    spans = {event["name"]: event for event in events if event["ph"] == "X"}
    outer, inner = spans[f"{PASS}plate"], spans[f"{NETWORK}paints inpaint (plate)"]
    assert outer["ts"] <= inner["ts"] and inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]
    assert {event["args"]["name"] for event in events if event["name"] == "process_name"} >= {
        "passes and networks"
    }


def test_what_to_do_next_is_true_of_the_run(made: Profile, profiled: Profiled) -> None:
    facts = made.facts
    longest = max(facts["passes"], key=lambda row: float(row["s"]))
    assert facts["verdict"]["bound"] == longest["name"]
    assert longest["name"] in facts["verdict"]["headline"]
    again = profiled("1", runs=1, held=False).facts["verdict"]["next"]
    assert any("--no-held-frames" in sentence for sentence in again)
    assert not any("--no-held-frames" in sentence for sentence in facts["verdict"]["next"])
    assert not any("--plate shot" in sentence for sentence in again), "no plate was made"


def test_stages_are_those_asked_for(made: Profile) -> None:
    assert made.facts["kind"] == "chain" and made.facts["options"]["stages"] == list(STAGES)
