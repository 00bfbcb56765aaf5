"""Ordering mistakes planted in copies of the pipeline: the host device finds every one.

Each mistake is a change of one place in the source of one module. The changed modules are loaded beside the
real ones, and run on stages, lanes and slots in many interleavings.
"""

import importlib
import random
import sys
import time
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.runtime.pipeline.fakes import MemorySink, node
from tests.runtime.pipeline.flows import flow
from trt_anime.runtime.devices.hazards import HazardError
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.devices.schedule import Schedule, Seeded, Threads

PACKAGE = "trt_anime.runtime.pipeline"
# In the order in which they import each other.
MODULES = ("slots", "batches", "program", "feed", "encode", "flow")


@dataclass(frozen=True)
class Mistake:
    name: str
    module: str
    right: str
    wrong: str


MISTAKES = [
    Mistake(
        "a stage doesn't wait for its frame",
        "program",
        "        self._device.wait(slot.copied_in, stream=stream)\n",
        "",
    ),
    Mistake(
        "a stage doesn't wait for the stage it reads from",
        "program",
        "self._device.wait(slot.ended[number], stream=stream)",
        "pass",
    ),
    Mistake(
        "results are copied out before their stage has ended",
        "program",
        "self._device.wait(slot.ended[node.number], stream=self._copy_out)",
        "pass",
    ),
    Mistake(
        "the frame is marked as copied before the copy",
        "program",
        "        self._device.copy(target, slot.frame.rows(rows), stream=self._copy_in)\n"
        "        self._device.record(slot.copied_in, stream=self._copy_in)\n",
        "        self._device.record(slot.copied_in, stream=self._copy_in)\n"
        "        self._device.copy(target, slot.frame.rows(rows), stream=self._copy_in)\n",
    ),
    Mistake(
        "a stage is marked as ended when it begins",
        "program",
        "self._device.record(slot.began[node.number], stream=stream)",
        "self._device.record(slot.ended[node.number], stream=stream)",
    ),
    Mistake(
        "a wait is put on another stream",
        "program",
        "self._device.wait(slot.copied_in, stream=stream)",
        "self._device.wait(slot.copied_in, stream=self._copy_out)",
    ),
    Mistake(
        "the frame's mark is made on another stream",
        "program",
        "self._device.record(slot.copied_in, stream=self._copy_in)",
        "self._device.record(slot.copied_in, stream=self._copy_out)",
    ),
    Mistake(
        "the results' mark is made on another stream",
        "program",
        "self._device.record(slot.copied_out, stream=self._copy_out)",
        "self._device.record(slot.copied_out, stream=self._copy_in)",
    ),
    Mistake(
        "the host reads results without waiting",
        "program",
        "        self._device.synchronize(slot.copied_out)\n",
        "",
    ),
    Mistake(
        "the host waits for the stages only",
        "program",
        "self._device.synchronize(slot.copied_out)",
        "pass",
    ),
    Mistake(
        "streams share one scratch arena",
        "program",
        'buffer = self._device.allocate(size_bytes, name=f"scratch {lane}.{branch}")',
        "buffer = self.one = getattr(self, 'one', None) or self._device.allocate(size_bytes, name='all')",
    ),
    Mistake(
        "slots share their results on the host",
        "slots",
        "results={layer: tensor(name, pinned=True) for layer, name in chain.results.items()},",
        "results=device.__dict__.setdefault("
        '"host", {layer: tensor(name, pinned=True) for layer, name in chain.results.items()}),',
    ),
    Mistake(
        "slots share the frame on the device",
        "slots",
        "values={name: tensor(name, pinned=False) for name in chain.values},",
        "values=device.__dict__.setdefault("
        '"shared", {name: tensor(name, pinned=False) for name in chain.values}),',
    ),
    Mistake(
        "a slot is given back before its results are written",
        "encode",
        "partial(self._give_back, views, batch))\n",
        "views.close)\n        self._release(batch)\n",
    ),
    Mistake(
        "a slot is given back as soon as it is submitted",
        "feed",
        "            self._submit(batch, self._batch_size)\n",
        "            self._submit(batch, self._batch_size)\n            self._slots.release(batch.slot)\n",
    ),
    Mistake(
        "a frame is written after its slot was submitted",
        "feed",
        "        batch.pictures.append(Picture([frame.stamp], frame.deep, shot_start))\n",
        "        batch.pictures.append(Picture([frame.stamp], frame.deep, shot_start))\n"
        "        self._program.submit(batch.slot, batch.rows)\n"
        "        with self._device.writing(batch.slot.frame.row(0)) as pixels:\n"
        "            pixels[:] = frame.rgb\n",
    ),
]


def source_of(module: str) -> str:
    file = importlib.import_module(f"{PACKAGE}.{module}").__file__
    assert file
    return Path(file).read_text(encoding="utf-8")


@pytest.fixture
def planted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The module `flow` of a copy of the pipeline with one mistake."""
    mistake: Mistake = request.param
    copies: dict[str, types.ModuleType] = {}
    for name in MODULES:
        source = source_of(name)
        if name == mistake.module:
            assert source.count(mistake.right) == 1, "the place of the mistake has changed"
            source = source.replace(mistake.right, mistake.wrong)
        copy = types.ModuleType(f"{PACKAGE}.{name}")
        monkeypatch.setitem(sys.modules, copy.__name__, copy)
        exec(compile(source, f"{name} with a mistake", "exec"), copy.__dict__)
        copies[name] = copy
    yield copies["flow"]


def schedules(seeds: int) -> list[Schedule]:
    return [Threads(), *(Seeded(random.Random(seed).randrange) for seed in range(seeds))]


def go(schedule: Schedule, run: types.ModuleType | None = None) -> None:
    """Two lanes, three slots; two stages from the frame, one from both."""
    # A write takes long enough for the next batch to come by: a slot that is free too early is in use then.
    sinks = [
        MemorySink(("layer 1", "layer 3"), on_write=lambda index: time.sleep(0.002)),
        MemorySink(("layer 2a",), in_order=False, on_write=lambda index: time.sleep(0.002)),
    ]
    with HostDevice(schedule) as device:
        nodes = [
            node(device, "1", scratch=64),
            node(device, "2a", scratch=64),
            node(device, "3", {"a": "1.rgba", "b": "2a.rgba"}, compute=lambda a, b: a + b, scratch=64),
        ]
        options = {} if run is None else {"kind": run.Flow}
        flow(device, nodes, sinks, count=24, depth=3, lanes=2, **options)


@pytest.mark.parametrize("planted", MISTAKES, ids=lambda mistake: mistake.name, indirect=True)
def test_a_planted_mistake_is_found(planted: types.ModuleType) -> None:
    """At once, on threads and in every interleaving: the check asks for events, not for luck."""
    for schedule in schedules(3):
        with pytest.raises(HazardError) as found:
            go(schedule, planted)
        assert "slot" in str(found.value) or "scratch" in str(found.value) or "all" in str(found.value)


def test_the_pipeline_itself_passes() -> None:
    for schedule in schedules(8):
        go(schedule)
