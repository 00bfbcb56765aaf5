from pathlib import Path

import pytest

from tests.engines.records import RECIPE
from trt_anime.cli.engines.workers import fitting, workers_for
from trt_anime.engines.targets import Target
from trt_anime.runtime.cores import usable_cores

GB = 10**9


@pytest.mark.parametrize(
    ("free_bytes", "graph_bytes", "count"),
    [(100 * GB, 4_600_000, 8), (1 * GB, 4_600_000, 2), (8 * GB, 176_000_000, 3), (0, 4_600_000, 1)],
)
def test_as_many_as_memory_holds(free_bytes: int, graph_bytes: int, count: int) -> None:
    found, reason = fitting(8, free_bytes=free_bytes, graph_bytes=graph_bytes, on_gpu=False)
    assert found == count
    assert reason.startswith(f"{count} of 8 engines at a time, because ") == (count < 8)
    assert bool(reason) == (count < 8)


def test_a_gpu_times_one_at_a_time() -> None:
    count, reason = fitting(8, free_bytes=100 * GB, graph_bytes=1, on_gpu=True)
    assert count == 1 and "one engine is built at a time" in reason
    assert fitting(1, free_bytes=100 * GB, graph_bytes=1, on_gpu=True) == (1, "")


def test_no_more_than_there_are_orders(tmp_path: Path) -> None:
    from trt_anime.engines.batch import Order

    graph = tmp_path / "toy.onnx"
    graph.write_bytes(b"small")
    orders = [Order("toy", graph, Target("rtx", sm), "fp16", RECIPE.profile) for sm in range(75, 75 + 99)]
    assert workers_for(orders[:1]) == (1, "")
    count, reason = workers_for(orders)
    assert count == usable_cores() or reason
