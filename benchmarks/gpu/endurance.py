"""What minutes of steady work say: does memory grow, did the clocks fall, did the speed keep?"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.gpu.readings import Reading

T = TypeVar("T")

# The first part of a run loads libraries and fills caches.
WARM_UP = 0.2
# Other programs and the driver take and give a little.
GROWTH_BYTES, GROWTH = 32 << 20, 0.01
CLOCK_DROP = 0.1
SPEED_DROP = 0.1
# Looks after the warm-up, three for each third.
FEWEST = 9


@dataclass(frozen=True)
class Verdict:
    """What a soak says.

    Attributes:
        failures: what is wrong, and ours.
        unknown: what there were too few looks to judge by.
        notes: what a reader has to know, such as that the clocks fell.
        facts: what was seen, in words.
    """

    failures: tuple[str, ...]
    unknown: tuple[str, ...]
    notes: tuple[str, ...]
    facts: tuple[str, ...]


@dataclass
class _Words:
    failures: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)


def verdict(
    readings: Sequence[Reading], speeds: Sequence[float], *, resident: Sequence[int] = ()
) -> Verdict:
    """Judged by thirds of what came after the warm-up: the last against the first, medians.

    Memory that grows by more than 32 MB and 1 %, and doesn't shrink in between, is a failure. Lower clocks
    are a note with the GPU's own reasons; a speed that falls by a tenth is a failure unless the clocks fell
    with it.

    Args:
        readings: in order, at even distances.
        speeds: frames per second of equal stretches, in order.
        resident: bytes of RAM that the process had, in order.
    """
    words = _Words()
    warm = _warm(readings)
    _judge_memory([one.used_bytes for one in warm], "GPU memory", words)
    _judge_memory(_warm(resident), "RAM", words)
    slower_clock = _judge_clock(warm, words)
    _judge_speed(_warm(speeds), slower_clock, words)
    _note_heat(warm, words)
    return Verdict(*map(tuple, (words.failures, words.unknown, words.notes, words.facts)))


def thirds(values: Sequence[T]) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
    """Of as equal length as can be."""
    one, two = len(values) // 3, len(values) - len(values) // 3
    return values[:one], values[one:two], values[two:]


def _warm(values: Sequence[T]) -> Sequence[T]:
    return values[round(len(values) * WARM_UP) :]


def _judge_memory(values: Sequence[int | None], name: str, words: _Words) -> None:
    known = [value for value in values if value is not None]
    if len(known) < FEWEST:
        words.unknown.append(f"{name}: {len(known)} looks are too few to tell whether it grows")
        return
    first, middle, last = (statistics.median(part) for part in thirds(known))
    growth = last - first
    sentence = f"{name} {first / 1e6:.0f} MB at first, {last / 1e6:.0f} MB at last"
    words.facts.append(sentence)
    if growth > max(GROWTH_BYTES, GROWTH * first) and first <= middle <= last:
        words.failures.append(f"{name} grew by {growth / 1e6:.0f} MB")


def _judge_clock(readings: Sequence[Reading], words: _Words) -> bool:
    known = [one for one in readings if one.sm_mhz is not None]
    if len(known) < FEWEST:
        words.notes.append("clocks: too few looks")
        return False
    first, _, last = (statistics.median(one.sm_mhz or 0 for one in part) for part in thirds(known))
    words.facts.append(f"SM clock {first:.0f} MHz at first, {last:.0f} MHz at last")
    if last >= first * (1 - CLOCK_DROP):
        return False
    reasons = dict.fromkeys(reason for one in thirds(known)[2] for reason in one.slowed)
    words.notes.append(
        f"the SM clock fell by {1 - last / first:.0%} ({', '.join(reasons) or 'the GPU gives no reason'})"
    )
    return True


def _judge_speed(speeds: Sequence[float], slower_clock: bool, words: _Words) -> None:
    if len(speeds) < FEWEST:
        words.unknown.append(f"speed: {len(speeds)} stretches are too few to tell whether it fell")
        return
    first, _, last = (statistics.median(part) for part in thirds(speeds))
    words.facts.append(f"{first:.1f} FPS at first, {last:.1f} at last")
    if last < first * (1 - SPEED_DROP):
        fell = f"the speed fell by {1 - last / first:.0%}"
        if slower_clock:
            words.notes.append(f"{fell}, with the clock")
        else:
            words.failures.append(f"{fell}, and the clocks didn't")


def _note_heat(readings: Sequence[Reading], words: _Words) -> None:
    heat = [one.celsius for one in readings if one.celsius is not None]
    power = [one.watts for one in readings if one.watts is not None]
    if heat:
        words.facts.append(f"{max(heat)} °C at most")
    if power:
        words.facts.append(f"{statistics.median(power):.0f} W")
