"""What runs when, on graphs that write down what they were asked for."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from trt_anime.errors import InputError
from trt_anime.runtime.temporal.aot import AotGraphs, AotTracker, Decoded, Propagated, Referred


class Memory:
    """Of one frame and pass."""

    alive: ClassVar["weakref.WeakSet[Memory]"] = weakref.WeakSet()

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive.add(self)


@dataclass
class WritingGraphs:
    """Frames are numbers; everything made of one is named after it."""

    slots: int = 3
    objects: int = 2
    passes: int = 3
    log: list[str] = field(default_factory=list)

    def encode(self, frame: int) -> int:
        self.log.append(f"encode {frame}")
        return frame

    def refer(self, features: int, drawn: str, labels: str | None, first: int) -> Referred:
        self.log.append(f"refer {features} from {first}: {drawn} over {labels}")
        return Referred(f"in{features}", Memory(f"given{features}/{first}"), f"{drawn}+{labels}")

    def propagate(self, features: int, long: list[Any], valid: Sequence[bool], short: Memory) -> Propagated:
        names = ",".join(memory.name for memory, there in zip(long, valid, strict=True) if there)
        self.log.append(f"propagate {features} by {names} and {short.name}")
        return Propagated(f"in{features}", f"pending{features}")

    def decode(self, features: int, decoder_input: str, count: int) -> Decoded:
        assert decoder_input == f"in{features}"
        self.log.append(f"decode {features}: {count}")
        return Decoded(f"probabilities{features}", f"labels{features}")

    def memorise(self, pending: str, labels: str, first: int) -> Memory:
        self.log.append(f"memorise {pending} as {labels} from {first}")
        return Memory(f"found{pending.removeprefix('pending')}/{first}")

    def merge(self, passes: Sequence[Decoded]) -> Decoded:
        self.log.append(f"merge {len(passes)}")
        return Decoded("merged probabilities", "merged labels")

    def new_memory(self) -> list[Any]:
        return [None] * self.slots

    def store(self, long: list[Any], slot: int, memory: Memory) -> None:
        long[slot] = memory


def tracker(graphs: WritingGraphs, *, gap: int = 9999, skip: int = 1) -> AotTracker:
    typed: AotGraphs = graphs
    return AotTracker(typed, gap=gap, skip=skip)


def test_one_pass_from_frame_to_frame() -> None:
    graphs = WritingGraphs()
    tracking = tracker(graphs)
    assert tracking.start(0, "drawn", 2) == Decoded("probabilities0", "drawn+None")
    assert tracking.step(1) == Decoded("probabilities1", "labels1")
    tracking.step(2)
    assert graphs.log == [
        "encode 0",
        "refer 0 from 1: drawn over None",
        "decode 0: 2",
        "encode 1",
        "propagate 1 by given0/1 and given0/1",
        "decode 1: 2",
        "memorise pending1 as labels1 from 1",
        "encode 2",
        "propagate 2 by given0/1 and found1/1",
        "decode 2: 2",
        "memorise pending2 as labels2 from 1",
    ]


@pytest.mark.parametrize(
    ("gap", "kept"), [(1, (0, 6, 7)), (2, (0, 4, 6)), (3, (0, 3, 6)), (7, (0, 7)), (8, (0,))]
)
def test_every_gap_frames_one_is_kept(gap: int, kept: tuple[int, ...]) -> None:
    tracking = tracker(WritingGraphs(), gap=gap)
    tracking.start(0, "drawn", 1)
    for frame in range(1, 8):
        tracking.step(frame)
    assert tracking.remembered == (kept,)


def test_short_term_memory_is_skip_frames_old() -> None:
    graphs = WritingGraphs()
    tracking = tracker(graphs, skip=2)
    tracking.start(0, "drawn", 1)
    for frame in range(1, 5):
        tracking.step(frame)
    shorts = [line.rpartition(" ")[2] for line in graphs.log if line.startswith("propagate")]
    assert shorts == ["given0/1", "given0/1", "found1/1", "found2/1"]


def test_labels_of_the_caller_are_remembered() -> None:
    graphs = WritingGraphs()
    tracking = tracker(graphs)
    tracking.start(0, "drawn", 1)
    tracking.propagate(1)
    tracking.memorise("truth")
    assert graphs.log[-1] == "memorise pending1 as truth from 1"


def test_objects_are_divided_among_passes() -> None:
    graphs = WritingGraphs()
    tracking = tracker(graphs)
    tracking.start(0, "drawn", 5)
    assert tracking.step(1) == Decoded("merged probabilities", "merged labels")
    assert [line for line in graphs.log if line.startswith("refer")] == [
        f"refer 0 from {first}: drawn over None" for first in (1, 3, 5)
    ]
    assert graphs.log[-7:] == [
        "decode 1: 2",
        "decode 1: 2",
        "decode 1: 1",
        "merge 3",
        *(f"memorise pending1 as merged labels from {first}" for first in (1, 3, 5)),
    ]
    assert graphs.log.count("encode 1") == 1, "passes share what the encoder found"


def test_new_objects_fill_a_pass_then_open_another() -> None:
    graphs = WritingGraphs()
    tracking = tracker(graphs, gap=2)
    tracking.start(0, "drawn", 1)
    assert tracking.step(1, drawn="second", objects=2).labels == "second+labels1"
    assert graphs.log[-2:] == ["refer 1 from 1: second over labels1", "decode 1: 2"]
    remembered = [tracking.remembered]
    tracking.step(2)
    remembered.append(tracking.remembered)  # the gap counts from the frame with new objects
    tracking.step(3, drawn="third", objects=3)
    remembered.append(tracking.remembered)
    assert graphs.log[-3:] == ["decode 3: 2", "decode 3: 1", "merge 2"]
    assert remembered == [((0, 1),), ((0, 1),), ((0, 1, 3), (3,))]


def test_a_drawing_may_correct_what_is_followed_already() -> None:
    graphs = WritingGraphs()
    tracking = tracker(graphs)
    tracking.start(0, "drawn", 2)
    tracking.step(1, drawn="better")
    assert graphs.log[-2:] == ["refer 1 from 1: better over labels1", "decode 1: 2"]


def test_a_new_start_forgets_all() -> None:
    tracking = tracker(WritingGraphs(), gap=1)
    tracking.start(0, "drawn", 5)
    tracking.step(1)
    tracking.start(7, "drawn", 1)
    assert tracking.remembered == ((0,),)


def test_long_clips_keep_bounded_memory() -> None:
    tracking = tracker(WritingGraphs(slots=4), gap=1, skip=2)
    tracking.start(0, "drawn", 5)
    for frame in range(1, 500):
        tracking.step(frame, drawn="again" if frame % 50 == 0 else None)
        assert len(Memory.alive) <= 3 * (4 + 2)


@pytest.mark.parametrize("objects", [7, 100])
def test_more_objects_than_capacity(objects: int) -> None:
    passes = -(-objects // 2)
    words = (
        rf"follow 1 to 6 objects \(3 x 2\), not {objects}; export them with {passes} passes, or give fewer"
    )
    tracking = tracker(WritingGraphs())
    with pytest.raises(InputError, match=words):
        tracking.start(0, "drawn", objects)
    tracking.start(0, "drawn", 1)
    tracking.propagate(1)
    with pytest.raises(InputError, match=words):
        tracking.add("more", objects)
    tracking.memorise("labels1")  # an error left all as it was


def test_no_objects_at_all() -> None:
    with pytest.raises(InputError, match="not 0; give some"):
        tracker(WritingGraphs()).start(0, "drawn", 0)


def test_mistakes_of_the_caller() -> None:
    tracking = tracker(WritingGraphs())
    with pytest.raises(ValueError, match="started"):
        tracking.propagate(0)
    tracking.start(0, "drawn", 2)
    with pytest.raises(ValueError, match="no propagated frame"):
        tracking.memorise("labels")
    tracking.propagate(1)
    with pytest.raises(ValueError, match="follow on 2"):
        tracking.add("drawn", 1)
    with pytest.raises(ValueError, match="at least 1"):
        tracker(WritingGraphs(), gap=0)
