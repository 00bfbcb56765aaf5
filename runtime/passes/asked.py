"""Frames of a shot that are asked what is one answer for all."""

from collections.abc import Sequence

_ENOUGH = 24


def asked_of(frames: Sequence[int]) -> tuple[int, ...]:
    """At least 24 of them, evenly spread; all where there are fewer."""
    return tuple(frames[:: max(1, len(frames) // _ENOUGH)])
