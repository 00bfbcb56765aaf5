"""The planner's error is told as it was found."""

from typing import Any

from benchmarks import graph_costs, planner_error
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


def test_the_table_of_costs_is_as_its_command_writes_it() -> None:
    assert graph_costs.TABLE.read_text(encoding="utf-8") == graph_costs.module_of(list(COSTS))
