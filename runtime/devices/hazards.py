"""Finds work that no event orders, at the moment it is submitted.

Vector clocks: a clock holds, for every stream, how many of its operations are known to have ended. A
stream knows its own, what the events it waited for knew, and what the host knew when it submitted; the
host knows what it synchronized on. All of the host's threads count as one, in the order of their calls.
An access is ordered after an earlier one if its clock knows of it. So a missing wait is found whichever
way the threads happen to run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from trt_anime.errors import EngineError

Clock = list[int]


class HazardError(EngineError):
    """Work on a device in an order that nothing guarantees: our mistake, never the user's."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} (a mistake in trt-anime: please report it with this message)")


@dataclass(slots=True, eq=False)
class Line:
    """What the checker knows of one stream.

    Attributes:
        index: its place in every clock.
        count: operations submitted so far.
        seen: clock of the next operation.
        version: of the host's clock that `seen` holds already.
    """

    name: str
    index: int
    count: int
    seen: Clock
    version: int


@dataclass(slots=True, eq=False)
class Access:
    """Bytes that an operation touches; `number` counts the operations of its stream from 1."""

    who: str
    line: Line
    number: int
    start: int
    end: int
    writes: bool


@dataclass(slots=True, eq=False)
class Block:
    """Bytes that the host is reading or writing now."""

    region: Region
    start: int
    end: int
    writes: bool


@dataclass(slots=True, eq=False)
class Region:
    """What the checker knows of one buffer.

    Attributes:
        accesses: those that a later operation may still have to be ordered after.
        blocks: the host's open ones.
        written: disjoint, rising byte ranges that hold something.
    """

    name: str
    accesses: list[Access] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    written: list[tuple[int, int]] = field(default_factory=list)
    closed: bool = False


class Span(NamedTuple):
    """Bytes `start` to `end` (exclusive) of a buffer; never empty."""

    region: Region
    start: int
    end: int


class Checker:
    """Every method checks first: where it raises HazardError, nothing has changed.

    Not safe for threads: the device's lock guards it. An access is forgotten once whatever could
    conflict with it would conflict with a newer one too, or once the host knows that it has ended. So
    the state grows with the number of buffers and ways to cut them, not with the work.
    """

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._host: Clock = []
        self._version = 0

    def line(self, name: str) -> Line:
        line = Line(name, len(self._lines), 0, [0] * (len(self._lines) + 1), -1)
        for other in self._lines:
            other.seen.append(0)
        self._host.append(0)
        self._lines.append(line)
        return line

    def submit(self, line: Line, who: str, reads: Sequence[Span], writes: Sequence[Span]) -> None:
        """One operation at the end of `line`."""
        self._tell(line)
        doing = f"'{who}' on stream '{line.name}'"
        for span in reads:
            _check_written(span, doing)
            _check_order(span, line.seen, doing, writes=False)
        for span in writes:
            _check_order(span, line.seen, doing, writes=True)
        line.count += 1
        line.seen[line.index] = line.count
        for region, start, end in reads:
            self._keep(region, Access(who, line, line.count, start, end, False))
        for region, start, end in writes:
            self._keep(region, Access(who, line, line.count, start, end, True))
            _add(region.written, start, end)

    def mark(self, line: Line) -> Clock:
        """What is known once `line` has come this far."""
        return line.seen.copy()

    def wait(self, line: Line, clock: Clock) -> None:
        """`line` goes on after an event with this clock."""
        _join(line.seen, clock)

    def host_knows(self, clock: Clock) -> None:
        """The host has seen an event with this clock reached."""
        if _join(self._host, clock):
            self._version += 1

    def open(self, span: Span, *, writes: bool) -> Block:
        """The host begins to read or write."""
        if not writes:
            _check_written(span, "the host")
        _check_order(span, self._host, "the host", writes=writes)
        block = Block(*span, writes)
        span.region.blocks.append(block)
        return block

    def end(self, block: Block, *, filled: bool) -> None:
        """The host has ended. `filled`: it has written what it meant to."""
        block.region.blocks.remove(block)
        if filled:  # a block that reads covers only bytes that were written before
            _add(block.region.written, block.start, block.end)

    def require_unused(self, region: Region) -> None:
        """The buffer is about to be given back."""
        if region.blocks:
            raise HazardError(f"'{region.name}' is closed within a block that reads or writes it")
        for old in region.accesses:
            if self._host[old.line.index] < old.number:
                raise HazardError(
                    f"'{region.name}' is closed while {_title(old)} may still use it: synchronize first"
                )

    def _tell(self, line: Line) -> None:
        """What the host knows, whatever it submits next knows."""
        if line.version != self._version:
            _join(line.seen, self._host)
            line.version = self._version

    def _keep(self, region: Region, new: Access) -> None:
        kept: list[Access] = []
        for old in region.accesses:
            if self._host[old.line.index] >= old.number:
                continue  # whatever comes is ordered after it
            if old.end <= new.start or new.end <= old.start:
                kept.append(old)
            elif new.writes or (not old.writes and new.line.seen[old.line.index] >= old.number):
                kept.extend(_outside(old, new))
            else:
                kept.append(old)
        kept.append(new)
        region.accesses = kept


def _check_order(span: Span, seen: Clock, doing: str, *, writes: bool) -> None:
    region, start, end = span
    if region.closed:
        raise HazardError(f"{doing} uses '{region.name}', which is closed")
    for old in region.accesses:
        if (
            (writes or old.writes)
            and old.start < end
            and start < old.end
            and seen[old.line.index] < old.number
        ):
            raise HazardError(
                f"{_verb(doing, writes, span)} while {_title(old)} may still "
                f"{'write' if old.writes else 'read'} there: no event orders the two"
            )
    for block in region.blocks:
        if (writes or block.writes) and block.start < end and start < block.end:
            raise HazardError(
                f"{_verb(doing, writes, span)} within a block where the host "
                f"{'writes' if block.writes else 'reads'} there"
            )


def _check_written(span: Span, doing: str) -> None:
    region, start, end = span
    if not any(first <= start and end <= last for first, last in region.written):
        raise HazardError(f"{_verb(doing, False, span)}, of which nobody wrote every one")


def _verb(doing: str, writes: bool, span: Span) -> str:
    verb = "writes" if writes else "reads"
    return f"{doing} {verb} bytes {span.start} to {span.end} of '{span.region.name}'"


def _title(access: Access) -> str:
    return f"'{access.who}' on stream '{access.line.name}'"


def _join(clock: Clock, other: Clock) -> bool:
    """Whether `clock` learnt anything; `other` may be older than the newest streams."""
    learnt = False
    for index, number in enumerate(other):
        if number > clock[index]:
            clock[index] = number
            learnt = True
    return learnt


def _outside(old: Access, new: Access) -> Iterator[Access]:
    """What is left of `old` outside of `new`."""
    if old.start < new.start:
        yield Access(old.who, old.line, old.number, old.start, new.start, old.writes)
    if new.end < old.end:
        yield Access(old.who, old.line, old.number, new.end, old.end, old.writes)


def _add(ranges: list[tuple[int, int]], start: int, end: int) -> None:
    if any(first <= start and end <= last for first, last in ranges):
        return
    touching = [(first, last) for first, last in ranges if first <= end and start <= last]
    apart = [pair for pair in ranges if pair not in touching]
    start = min([start, *(first for first, _ in touching)])
    end = max([end, *(last for _, last in touching)])
    ranges[:] = sorted([*apart, (start, end)])
