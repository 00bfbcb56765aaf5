"""What bounds a run and what to do about it: rules as data."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from trt_anime.runtime.pipeline import recorder
from trt_anime.runtime.profiling.spans import STAGE


@dataclass(frozen=True)
class Seen:
    """What the rules look at.

    Attributes:
        bound: a key of `HEADLINES`.
        busy: share of the time of what bounds.
        device: ``cpu``, ``cuda`` or ``null``.
        stage: number of the stage that takes most time.
        cores: that the run may use.
        others: cores that other programs kept busy meanwhile.
        reused: share of frames that were held.
    """

    bound: str
    busy: float
    device: str
    stage: str
    model: str
    provider: str
    precision: str
    format: str
    batch: int
    cores: int
    others: float
    held: bool
    reused: float
    clip: str


S = TypeVar("S")


@dataclass(frozen=True)
class Rule(Generic[S]):
    """A sentence for those runs that `when` is true of; braces name fields of what it looks at."""

    when: Callable[[S], bool]
    words: str


def told(rules: Iterable[Rule[S]], seen: S, words: Mapping[str, Any]) -> list[str]:
    """The sentences that are true, `words` put in for the braces."""
    return [rule.words.format(**words) for rule in rules if rule.when(seen)]


OTHERS = (
    "Other programs kept {others:.1f} cores busy meanwhile: measure again on an idle machine before "
    "acting on these figures."
)


# A resource that is busy less than this isn't the limit.
_SATURATED = 0.6

HEADLINES = {
    "compute": "Compute-bound: stage {stage} keeps the device busy {busy:.0%} of the time.",
    "encode": "Encode-bound: writing {format} keeps its threads busy {busy:.0%} of the time.",
    "decode": "Decode-bound: reading the clip takes most of a thread that is busy {busy:.0%} of the time.",
    "look ahead": "Look-ahead-bound: finding held frames takes most of a thread that is busy {busy:.0%} of"
    " the time.",
    "copy in": "Bus-bound: copies to the device go on {busy:.0%} of the time.",
    "copy out": "Bus-bound: copies from the device go on {busy:.0%} of the time.",
    "latency": "Nothing is saturated: the busiest part works {busy:.0%} of the time, the rest is waiting.",
}

RULES: tuple[Rule[Seen], ...] = (
    Rule(lambda seen: seen.others > 0.1 * seen.cores, OTHERS),
    Rule(
        lambda seen: seen.bound == "compute" and seen.device == "cpu" and seen.precision == "fp32",
        "Calibrate for INT8: `trt-anime calibrate {model} --frames {clip} --precision int8`. It is used by "
        "itself where it is near enough to FP32 and faster.",
    ),
    Rule(
        lambda seen: seen.bound == "compute" and seen.provider == "CPUExecutionProvider",
        "Try `--provider openvino` (`pip install 'trt-anime[openvino]'`).",
    ),
    Rule(
        lambda seen: seen.bound == "compute" and seen.device == "cpu",
        "A GPU lifts this limit: `trt-anime doctor` says what this machine has, and `--device null "
        "--latencies FILE` replays one that is not here.",
    ),
    Rule(
        lambda seen: seen.bound == "compute" and seen.provider == "CUDAExecutionProvider",
        "Build an engine: `trt-anime engines build {model} --gpu native --precision fp16`.",
    ),
    Rule(
        lambda seen: (
            seen.bound == "compute" and seen.provider.startswith("TensorRT") and seen.precision == "fp32"
        ),
        "Build the engine in FP16: `make engines GPU=native PRECISION=fp16 MODELS={model}`.",
    ),
    Rule(
        lambda seen: seen.bound == "compute" and seen.device == "null",
        "This replays another device: what it computes is the limit, not this machine.",
    ),
    Rule(
        lambda seen: seen.bound in ("compute", "encode") and not seen.held,
        "Held frames are computed again: leave out `--no-held-frames`.",
    ),
    Rule(
        lambda seen: seen.bound == "encode" and seen.format != "png",
        "Use `--format png`, the fastest encoder here (8 bits, a file a frame).",
    ),
    Rule(
        lambda seen: seen.bound == "encode" and seen.format == "png",
        "Give it more cores (`--threads`), or write to a faster disk; `--format ffv1` writes fewer bytes "
        "where the disk is the limit.",
    ),
    Rule(
        lambda seen: seen.bound == "decode" and seen.device == "cuda",
        "Decode on the GPU: `pip install 'trt-anime[gpu]'` brings PyNvVideoCodec, and is used by itself.",
    ),
    Rule(
        lambda seen: seen.bound == "decode",
        "Give the decoder more cores (`--threads`); intra-only and 10-bit codecs decode slowest.",
    ),
    Rule(
        lambda seen: seen.bound == "look ahead",
        "`--preset fast` looks less closely; `--no-held-frames` looks at shots only, but computes repeats.",
    ),
    Rule(
        lambda seen: seen.bound in ("copy in", "copy out"),
        "Run fewer stages that write layers, and look at the bus with `trt-anime doctor`.",
    ),
    Rule(
        lambda seen: seen.bound == "latency",
        "Give the device more work at a time: `--batch-size {more}`.",
    ),
)


def verdict(seen: Seen) -> dict[str, Any]:
    """What bounds the run: a headline, and what to do next, most useful first."""
    words = {**vars(seen), "more": 2 * seen.batch}
    return {
        "bound": seen.bound,
        "busy": round(seen.busy, 4),
        "headline": HEADLINES[seen.bound].format(**words),
        "next": told(RULES, seen, words),
    }


def bound_of(resources: Sequence[dict[str, Any]], figures: Sequence[dict[str, Any]]) -> tuple[str, float]:
    """The resource that is busiest, and the share of time that it is."""
    busiest = max(resources, key=lambda row: float(row["busy"]), default=None)
    if busiest is None:
        return "latency", 0.0
    name, busy = str(busiest["name"]), float(busiest["busy"])
    if busy < _SATURATED:
        return "latency", busy
    if name == "feed":
        parts = {row["name"]: row["share_of_wall"] for row in figures}
        name = max((recorder.DECODE, recorder.LOOK_AHEAD), key=lambda part: parts.get(part, 0.0))
    return name, busy


def busiest_stage(figures: Sequence[dict[str, Any]]) -> str:
    """Number of the stage that takes most time; empty where none ran."""
    stages = [row for row in figures if row["name"].startswith(STAGE)]
    return (
        max(stages, key=lambda row: float(row["share_of_wall"]))["name"].removeprefix(STAGE)
        if stages
        else ""
    )
