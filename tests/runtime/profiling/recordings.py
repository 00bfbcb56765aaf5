"""Recordings of runs that never were, with known figures."""

from trt_anime.runtime.pipeline.plan import Item
from trt_anime.runtime.pipeline.recorder import DECODE, ENCODE, FILL, LOOK_AHEAD, SUBMIT, WAIT_SLOT
from trt_anime.runtime.profiling.spans import (
    COPY_IN,
    COPY_OUT,
    SLOT,
    Recording,
    Sample,
    Span,
    StageFacts,
    Written,
)

PERIOD_S = 0.010


def recording(count: int = 100, *, stage_s: float = 0.008, encode_s: float = 0.004) -> Recording:
    """One lane, one frame every 10 ms; the stage runs for `stage_s` of that, an encoder for `encode_s`."""
    found = Recording(
        device="null",
        title="nothing",
        depth=3,
        lanes=1,
        batch=1,
        stages=(StageFacts("2a", "toy", "replay", "none", "fp32", "", "", 1, 0, (), ("character",)),),
        plan=(Item("frame", "pinned", 3, 1000), Item("2a.rgba", "device", 3, 2000)),
    )
    for index in range(count):
        _frame(found, index, 100 + index * PERIOD_S, stage_s, encode_s)
    end_s = 100 + count * PERIOD_S
    found.samples += [Sample(99.0, 10_000, 0.0, 0.0), Sample(100.3, 50_000, 1.0, 1.5)]
    found.samples += [Sample(end_s - 0.1, 40_000, 1.0 + (end_s - 100.4) * 1.5, 1.5 + (end_s - 100.4) * 2.0)]
    return found


def _frame(found: Recording, index: int, at: float, stage_s: float, encode_s: float) -> None:
    def add(what: str, track: str, start: float, seconds: float, layers: str = "") -> float:
        found.spans.append(Span(what, track, start, start + seconds, index, layers))
        return start + seconds

    at = add(DECODE, "feed", at, 0.0010)
    at = add(LOOK_AHEAD, "feed", at, 0.0005)
    taken = at = add(WAIT_SLOT, "feed", at, 0.0020)
    at = add(FILL, "feed", at, 0.0003)
    at = add(SUBMIT, "feed", at, 0.0002)
    at = add(COPY_IN, "copy in", at, 0.0001)
    at = add("stage 2a", "compute 0.0", at + 0.0004, stage_s)  # 0.4 ms in a queue
    at = add(COPY_OUT, "copy out", at + 0.0002, 0.0001, "character")  # 0.2 ms for its turn
    at = add(ENCODE, f"encode_{index % 2}", at + 0.0006, encode_s, "character")  # 0.6 ms in a queue
    add(SLOT, f"slot {index % 3}", taken, at - taken)
    found.written.append(Written(at, index, 1, 1))
