"""Which of several engines that fit is taken: where it was measured, the fastest one.

Lean: the runtime chooses by it, `trt-anime engines check` and `verify` say what it means.
"""

from collections.abc import Iterable, Sequence

from trt_anime.engines.preflight import Verdict
from trt_anime.engines.store import Entry

# The fastest first, as far as that is known before anything was measured.
_USUAL = ("fp16", "int8", "fp8", "fp32")
# The nearest to FP32 first.
_EXACT = ("fp32", "fp16", "fp8", "int8")


def best(entries: Sequence[Entry]) -> Entry:
    """The engine to run, of at least one that fit.

    Forced ones come last. INT8 and FP8 come before FP16 only where both were measured on one GPU and FP16
    takes longer.
    """
    ordered = sorted(entries, key=_usual)
    first = ordered[0]
    rivals: dict[object, Entry] = {}  # of each kind the first: more memory for larger batches buys nothing
    for entry in ordered:
        if entry.manifest.forced == first.manifest.forced:
            rivals.setdefault((entry.manifest.recipe.precision, entry.manifest.recipe.target), entry)
    return min(_comparable(first, rivals.values()), key=_seconds, default=first)


def overtaken(entry: Entry, others: Iterable[Entry]) -> Verdict | None:
    """Why an engine isn't taken, measured as it is: one that is nearer to FP32 takes no longer.

    Args:
        others: engines that fit the machine; those for other graphs, shapes and targets don't matter.
    """
    recipe = entry.manifest.recipe
    same = [
        other
        for other in others
        if not other.manifest.forced
        and _place(other) == _place(entry)
        and _EXACT.index(other.manifest.recipe.precision) < _EXACT.index(recipe.precision)
        and _seconds(other) <= _seconds(entry)
    ]
    faster = min(_comparable(entry, same), key=_seconds, default=None)
    if faster is None:
        return None
    name = faster.manifest.recipe.precision
    ours, theirs = (milliseconds(_seconds(one)) for one in (entry, faster))
    reason = f"takes {ours} a frame, and the {name} engine {theirs}"
    return Verdict("slower", "speed", reason, f"the {name} engine goes before it")


def milliseconds(seconds: float) -> str:
    """Such as ``3.21 ms``."""
    return f"{1000 * seconds:{'.3g' if seconds < 0.9995 else '.0f'}} ms"


def _usual(entry: Entry) -> tuple[bool, int, int, str]:
    recipe = entry.manifest.recipe
    return entry.manifest.forced, _USUAL.index(recipe.precision), recipe.profile.max_batch, recipe.target


def _comparable(entry: Entry, others: Iterable[Entry]) -> list[Entry]:
    """Those measured where `entry` was; none if it wasn't."""
    place = entry.manifest.measured_on
    return [other for other in others if place is not None and other.manifest.measured_on == place]


def _place(entry: Entry) -> tuple[object, ...]:
    recipe = entry.manifest.recipe
    return recipe.graph_sha256, recipe.profile, recipe.target


def _seconds(entry: Entry) -> float:
    seconds = entry.manifest.seconds_per_frame
    return float("inf") if seconds is None else seconds
