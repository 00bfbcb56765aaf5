"""The planner's error is told as it was found."""

from typing import Any

import pytest

from benchmarks import graph_costs, planner_chain, planner_error
from benchmarks.subjects import SUBJECTS
from trt_anime.runtime.planning.known import COSTS

FOUND: dict[str, Any] = {
    "date": "2026-01-01T00:00Z",
    "machine": "a CPU, 2 cores",
    "versions": "v",
    "threads": 2,
    "others": 0.01,
    "rows": [
        {
            "graph": "u2netp matte",
            "flops_per_s": 1.2e11,
            "bytes_per_s": 2e10,
            "predicted": 0.3,
            "measured": [0.25, 0.2, 0.3],
        },
        {
            "graph": "modnet matte",
            "flops_per_s": 1.4e11,
            "bytes_per_s": 2e10,
            "predicted": 0.3,
            "measured": [0.5, 0.6, 0.7],
        },
    ],
}


def test_errors_are_of_the_median_run() -> None:
    text = planner_error.document(FOUND)
    assert "| u2netp matte | 300 | 250 (200–300) | +20 % |" in text  # noqa: RUF001
    assert "Off by 35 % in the median, by 50 % at worst" in text
    assert "130 GFLOP/s of a matrix product and 20 GB/s" in text
    assert "not quiet" not in text and "not quiet" in planner_error.document(FOUND | {"others": 0.5})


def made_record() -> dict[str, Any]:
    """A profile of 96 frames, 48 of them fresh: the matte on two cores, and one network in two passes."""
    common = {"networks": ["one"], "device_bytes": 9e8, "peak_bytes": 1.5e9}
    work = {
        "own_thread_s": {"network": 8.0, "compute": 2.0, "wait": 9.0},
        "helpers_s": {"write files": 1.0},
    }
    names = {"matte": ("2a", "u2netp", "matte"), "segment": ("1", "mobile-sam", "image")}
    names["track"] = names["segment"]
    rates = [("copy", 2e10, ""), ("matmul", 1e11, "fp32"), ("matmul", 9e11, "int8")]
    profile = {
        "held": {"frames": 96, "computed": 48},
        "fps": {"over_all": 2.0},
        "passes": [
            {"name": "look", **common, **work, "networks": [], "peak_bytes": 1e9},
            *({"name": name, **common, **work} for name in names),
        ],
        "networks": [
            {"during": during, "stage": stage, "model": model, "graph": graph, "runs": 4.0}
            | {"runs_per_fresh_frame": 1.0 if stage == "2a" else 0.125, "p50_ms": 400.0}
            for during, (stage, model, graph) in names.items()
        ],
        "pipeline": {
            "ceilings": [
                {"name": name, "threads": threads, "precision": precision, "rate": rate * threads}
                for threads in (1, 2)
                for name, rate, precision in rates
            ]
        },
    }
    return {"date": "2026-01-01T00:00Z", "machine": "a CPU", "others": 0.01, "profile": profile}


def test_a_chain_is_held_against_its_profile() -> None:
    found = planner_chain.chain_found(made_record())
    assert (found["cores"], found["flops_per_s"], found["bytes_per_s"]) == (2, 2e11, 4e10)
    matte, sam = found["networks"]
    assert matte["measured"] == {"runs": 1.0, "run_s": 0.2, "frame_s": 0.2}  # two at once
    assert sam["measured"] == pytest.approx({"runs": 0.25, "run_s": 0.4, "frame_s": 0.1})
    assert sam["predicted"]["runs"] == pytest.approx(1 / 24)
    assert found["host"]["measured"] == pytest.approx(4 * 3 / 48)
    by_pass = {row["pass"]: row for row in found["memory"]}
    assert by_pass["matte"]["measured"] == 9e8 and by_pass["track"]["measured"] == 5e8
    assert by_pass["matte"]["predicted"] > 2 * 409.6e6
    predicted_s = sum(row["predicted"]["frame_s"] for row in found["networks"])
    predicted_s += found["host"]["predicted"] / 2
    assert planner_chain.predicted_fps(found) == pytest.approx(2 / predicted_s)
    text = planner_error.document(FOUND | {"chain": found})
    assert "| 2a u2netp matte | 1.000 | 1.000 |" in text and "2.00 measured (held frames in both)" in text


def test_the_record_of_the_profile_has_all_that_is_needed() -> None:
    found = planner_chain.chain_found(SUBJECTS["profile"].read())
    assert found["fps"]["measured"] > 0 and found["memory"] and planner_chain.section(found)


def test_the_table_of_costs_is_as_its_command_writes_it() -> None:
    assert graph_costs.TABLE.read_text(encoding="utf-8") == graph_costs.module_of(list(COSTS))
