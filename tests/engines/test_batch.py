"""Real TensorRT-RTX builds, several at a time."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Lock, get_ident
from typing import Any

import pytest

from tests.engines.calibrated import calibrated
from tests.engines.graphs import saved, stage_graph
from trt_anime import paths
from trt_anime.engines import batch, builder, store, worker
from trt_anime.engines.batch import Order, Outcome, engines_from_orders
from trt_anime.engines.manifest import Precision, Profile
from trt_anime.engines.targets import RTX_CAPABILITIES, Target
from trt_anime.engines.typed_choice import typed_for
from trt_anime.errors import EngineError, InputError, MissingError

pytest.importorskip("tensorrt_rtx")

PROFILE = Profile(height=64, width=96, max_batch=2)


@pytest.fixture
def order(home: Path, tmp_path: Path) -> Callable[..., Order]:
    graph = saved(stage_graph(matmul=True), tmp_path)
    calibrated(graph, "fp16")

    def make(capability: int, precision: Precision = "fp16") -> Order:
        return Order("toy", graph, Target("rtx", capability), precision, PROFILE)

    return make


def run(orders: list[Order], *, workers: int = 2, **told: Any) -> list[Outcome]:
    told = {"on_progress": lambda order, share: None, "on_done": lambda outcome: None} | told
    return engines_from_orders(orders, workers=workers, **told)


def test_two_at_a_time_and_in_order(order: Callable[..., Order]) -> None:
    orders = [order(capability) for capability in RTX_CAPABILITIES]
    both = Barrier(2, timeout=60)  # breaks unless two orders are under way together
    begun: set[Order] = set()
    told: list[Outcome] = []

    def on_progress(one: Order, share: float) -> None:
        if one not in begun:
            begun.add(one)
            both.wait()

    def on_done(outcome: Outcome) -> None:
        assert get_ident() == caller
        told.append(outcome)

    caller = get_ident()
    outcomes = run(orders, on_progress=on_progress, on_done=on_done)
    assert [outcome.order for outcome in outcomes] == orders
    assert [outcome.error for outcome in outcomes] == [None] * len(orders)
    assert begun == set(orders)
    assert sorted(map(id, told)) == sorted(map(id, outcomes))
    names = [outcome.built.entry.manifest.recipe.target for outcome in outcomes if outcome.built]
    assert names == [one.target.name for one in orders]
    assert len(store.entries()) == len(orders)


def test_graph_is_read_once(order: Callable[..., Order], monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def from_file(path: Path) -> builder.StageGraph:
        read.append(path)
        return builder.stage_graph_from_file(path)

    monkeypatch.setattr(batch, "stage_graph_from_file", from_file)
    run([order(86), order(89), order(120)])
    assert len(read) == 1


def test_what_fails_stops_nothing(order: Callable[..., Order], tmp_path: Path) -> None:
    good = order(89, "fp32")
    broken = replace(good, graph=tmp_path / "none.onnx")
    orders = [order(75, "fp32"), replace(good, target=Target("trt", 90)), broken, good]
    outcomes = run(orders)
    errors = [type(outcome.error) for outcome in outcomes]
    assert errors == [EngineError, MissingError, InputError, type(None)]
    assert [bool(outcome.built) for outcome in outcomes] == [False, False, False, True]
    assert len(store.entries()) == 1


def test_a_mistake_of_ours_stops_nothing(
    order: Callable[..., Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(*arguments: object) -> None:
        raise TypeError("boom")

    monkeypatch.setattr(builder, "_require_any", mistaken)
    errors = [outcome.error for outcome in run([order(86), order(89)])]
    assert [str(error) for error in errors] == ["boom", "boom"]


def test_equal_orders_are_carried_out_once(order: Callable[..., Order]) -> None:
    told: list[Outcome] = []
    first, second = run([order(89), order(89)], on_done=told.append)
    assert first is second and told == [first]


def test_what_is_there_is_not_built_again(order: Callable[..., Order]) -> None:
    built = [outcome.built for outcome in run([order(86), order(89)])]
    assert [one and one.cached for one in built] == [False, False]

    def on_progress(one: Order, share: float) -> None:
        raise AssertionError("nothing is to be built")

    again = [outcome.built for outcome in run([order(86), order(89)], on_progress=on_progress)]
    assert [one and one.cached for one in again] == [True, True]


def test_nothing_to_do(home: Path) -> None:
    assert run([]) == []


def test_one_at_a_time_on_the_gpu(order: Callable[..., Order], monkeypatch: pytest.MonkeyPatch) -> None:
    """What TensorRT times while another engine is being timed would be wrong."""
    running = Lock()

    def build(graph: object, target: Target, **options: object) -> builder.Built:
        assert running.acquire(blocking=False)
        time.sleep(0.05)
        running.release()
        raise MissingError(target.name)

    monkeypatch.setattr(batch, "engine_from_graph", build)
    orders = [replace(order(89), target=Target("trt", capability)) for capability in (75, 80, 86, 89)]
    assert [type(outcome.error) for outcome in run(orders, workers=4)] == [MissingError] * 4


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("no terminal")])
def test_exception_in_the_caller_ends_all(error: BaseException, order: Callable[..., Order]) -> None:
    """At the first engine's end: the second builder is under way by then, the third not begun."""
    finished: list[Outcome] = []

    def on_done(outcome: Outcome) -> None:
        finished.append(outcome)
        raise error

    orders = [order(capability, precision) for precision in ("fp16", "fp32") for capability in (80, 86, 89)]
    with pytest.raises(type(error)):
        run(orders, on_done=on_done)
    assert not worker._under_way
    names = {entry.manifest.recipe.target for entry in store.entries()}
    assert finished[0].order.target.name in names
    assert len(store.entries()) < len(orders)
    assert not list(paths.engines().rglob(".*.partial"))
    again = run(orders)
    assert all(outcome.built for outcome in again)
    assert again[orders.index(finished[0].order)].built.cached  # type: ignore[union-attr]


def test_interrupt_waits_for_no_other_process(
    order: Callable[..., Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread waits for a lock that somebody else holds, and may hold for minutes."""
    monkeypatch.setattr(batch, "GRACE_S", 0.2)
    free, held = order(86), order(89)
    graph = builder.stage_graph_from_file(held.graph)
    found = typed_for(graph.path, graph.sha256, graph.info, held.precision, force=False)
    recipe = builder.recipe_of(graph, found, held.target, precision=held.precision, profile=held.profile)

    def interrupt(outcome: Outcome) -> None:
        raise KeyboardInterrupt

    with store.locked(recipe):
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            run([held, free], on_done=interrupt)
        assert time.monotonic() - start < 30
    time.sleep(0.5)  # the thread has the lock now, and gives it back without building
    with store.locked(recipe):
        assert store.find(recipe) is None


def test_ctrl_c_in_a_terminal(order: Callable[..., Order], home: Path) -> None:
    """Sent to the whole group, builders included, as terminals do."""
    words = ["engines", "build", "--graph", str(order(89).graph), "--gpu", "all", "--size", "96x64"]
    words += ["--precision", "fp16,fp32", "--workers", "2"]
    command = [sys.executable, "-m", "trt_anime", *words]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert child.stderr
    for line in child.stderr:
        if "built in" in line:
            break
    start = time.monotonic()
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert child.returncode == 130, err
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)  # nobody is left in the group
    assert out == ""
    told = re.search(
        r"interrupted: (\d+) of 12 engines are finished and kept; the same command goes on", err
    )
    assert told and "Traceback" not in err
    kept = len(store.entries())
    assert 1 <= int(told[1]) <= kept < 12
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1  # sm75 has no FP32 matrix product
    assert f"12 engines: {11 - kept} built, {kept} there already, 1 failed" in done.stdout
