"""The recorder in the real pipeline: every piece of work is told, in its place."""

import json
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.runtime.pipeline.fakes import MemorySink, frames, invert, node
from tests.runtime.pipeline.flows import plan_of
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.devices.latencies import Latencies
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.lookahead.stage import Verdict
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.pipeline.batches import Tally
from trt_anime.runtime.pipeline.flow import Flow
from trt_anime.runtime.profiling.figures import figures
from trt_anime.runtime.profiling.perfetto import trace
from trt_anime.runtime.profiling.run_recorder import RunRecorder
from trt_anime.runtime.profiling.spans import SLOT, Recording

COUNT = 40
STAGE_S = 0.004
CLOCK_S = 0.001  # how well host and device agree on the time, on a busy machine


class _Fresh:
    """Every second frame is held, where asked."""

    def __init__(self, *, twos: bool) -> None:
        self.twos, self.judged = twos, -1

    def begin_segment(self) -> None:
        pass

    def judge(self, rgb: Pixels) -> Verdict:
        self.judged += 1
        return Verdict(repeat=self.twos and self.judged % 2 == 1, shot_start=False)


def recorded(
    device: HostDevice | NullDevice,
    *,
    batch: int = 1,
    lanes: int = 1,
    twos: bool = False,
    count: int = COUNT,
) -> tuple[Recording, Tally]:
    def compute(frame: Pixels) -> Pixels:
        time.sleep(STAGE_S)
        return invert(frame=frame)

    nodes = [
        node(device, "2a", compute=compute),
        node(device, "2b", {"picture": "2a.rgba"}),
    ]
    sinks = [MemorySink(("layer 2a",), in_order=False), MemorySink(("layer 2b",))]
    tally = Tally()
    with RunRecorder() as recorder:
        flow = Flow(
            device,
            plan_of(nodes, batch=batch, depth=3, lanes=lanes),
            _Fresh(twos=twos),
            list(sinks),
            segment_frames=16,
            encode_threads=2,
            tally=tally,
            finished=lambda segment: None,
            recorder=recorder,
        )
        flow.run(frames(count))
    return recorder.recording, tally


@pytest.fixture(scope="module")
def run() -> tuple[Recording, Tally]:
    with HostDevice() as device:
        return recorded(device, lanes=2)


def test_every_piece_of_work_is_told_once(run: tuple[Recording, Tally]) -> None:
    told = Counter(span.what for span in run[0].spans)
    assert told == {
        "decode": COUNT + 1,  # the last look finds the end
        **dict.fromkeys(("look ahead", "wait for a slot", "fill", "submit", "copy in"), COUNT),
        **dict.fromkeys(("stage 2a", "stage 2b", "wait for results", "slot"), COUNT),
        **dict.fromkeys(("copy out", "encode"), 2 * COUNT),
    }
    assert {span.layers for span in run[0].of("encode")} == {"layer 2a", "layer 2b"}


def test_tracks_are_threads_streams_and_slots(run: tuple[Recording, Tally]) -> None:
    tracks = {span.track for span in run[0].spans}
    assert {"feed", "collect", "copy in", "copy out", "slot 0", "slot 1", "slot 2"} <= tracks
    assert {track for track in tracks if track.startswith("compute")} == {"compute 0.0", "compute 1.0"}
    assert any(track.startswith("encode in order") for track in tracks)


def test_work_is_in_the_order_of_a_frames_way(run: tuple[Recording, Tally]) -> None:
    """Host and device on one clock."""
    order = ("decode", "look ahead", "wait for a slot", "fill", "submit", "stage 2a", "stage 2b", "encode")
    for frame in range(COUNT):
        mine = {span.what: span for span in run[0].spans if span.frame == frame}
        starts = [mine[what].start_s for what in order]
        for before, after in pairwise(starts):
            assert before <= after + CLOCK_S, frame
        assert mine["copy in"].end_s <= mine["stage 2a"].start_s + 1e-4
        assert mine["stage 2a"].end_s <= mine["stage 2b"].start_s + 1e-4
        assert mine[SLOT].end_s >= mine["encode"].end_s
        assert mine["stage 2a"].seconds >= STAGE_S


def test_work_on_one_track_never_overlaps(run: tuple[Recording, Tally]) -> None:
    for track in {span.track for span in run[0].spans}:
        spans = sorted((span for span in run[0].spans if span.track == track), key=lambda one: one.start_s)
        for before, after in pairwise(spans):
            assert before.end_s <= after.start_s + 1e-4, (track, before, after)


def test_a_slot_is_whole(run: tuple[Recording, Tally]) -> None:
    assert [batch.frame for batch in sorted(run[0].written, key=lambda one: one.frame)] == list(
        range(COUNT)
    )
    assert run[0].depth == 3 and run[0].lanes == 2
    assert run[0].samples and run[0].samples[-1].resident_bytes > 1_000_000
    assert {item.place for item in run[0].plan} == {"device", "pinned"}


def test_looking_ends(run: tuple[Recording, Tally]) -> None:
    assert "looking" not in {thread.name for thread in threading.enumerate()}


def test_held_frames_and_batches() -> None:
    with HostDevice() as device:
        found, tally = recorded(device, batch=4, twos=True)
    assert (tally.frames, tally.computed) == (COUNT, COUNT // 2)
    assert sum(batch.frames for batch in found.written) == COUNT
    assert sum(batch.pictures for batch in found.written) == COUNT // 2
    assert len(found.of("stage 2a")) == len(found.written) == COUNT // 2 // 4
    assert len(found.of("look ahead")) == COUNT and len(found.of("fill")) == COUNT // 2


def test_a_replayed_device_takes_what_it_was_told() -> None:
    latencies = Latencies(seconds_per_run={"2a": 0.003, "2b": 0.001}, copy_in_bytes_per_s=72e3)
    with NullDevice(latencies) as device:
        found, _ = recorded(device)
    rows = {row["name"]: row for row in figures([found])}
    assert rows["stage 2a"]["p50_ms"] == pytest.approx(3, abs=1.1)  # queued behind 2b's millisecond or not
    assert rows["copy in"]["p50_ms"] == pytest.approx(1, abs=0.1)  # 72 bytes


def test_a_trace_is_whole(run: tuple[Recording, Tally], tmp_path: Path) -> None:
    events = json.loads(json.dumps(trace(run[0])))["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) == len(run[0].spans)
    assert all(event["dur"] >= 0 and event["ts"] >= 0 for event in spans)
    names = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}
    assert {(event["pid"], event["tid"]) for event in spans} <= names
    counters = {event["name"] for event in events if event["ph"] == "C"}
    assert counters == {"memory of the process, MB", "slots in use", "stages running"}
    used = [event["args"]["value"] for event in events if event["name"] == "slots in use"]
    assert max(used) == 3 and used[-1] == 0
