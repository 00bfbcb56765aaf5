"""Progress of long work: bars on a terminal, plain lines elsewhere.

Everything goes to stderr, so that stdout stays usable in pipes.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress

Unit = Literal["frame", "byte", "percent", "engine"]
Advance = Callable[[int], None]

PLAIN_INTERVAL_S = 5.0

# Steps of very different lengths: no rate, no time left.
_UNEVEN = ("percent", "engine")


class Board(Protocol):
    """Several works at once. Each may be tracked from a thread of its own."""

    def track(self, title: str, total: int | None, *, unit: Unit) -> AbstractContextManager[Advance]:
        """Give a callable that takes how many units were just done; `total` may be unknown."""
        ...

    def say(self, line: str) -> None:
        """Print a line that stays."""
        ...


def note(sentence: str) -> None:
    """Print what the user should see beside the result."""
    print(f"note: {sentence}", file=sys.stderr, flush=True)


@contextmanager
def board(*, keep: bool = False) -> Iterator[Board]:
    """Show works one below the other while they are tracked; with `keep`, until all have ended."""
    if sys.stderr.isatty():
        with _bars() as display:
            yield _Bars(display, keep=keep)
    else:
        yield _Lines()


@contextmanager
def progress(title: str, *, total: int | None, unit: Unit) -> Iterator[Advance]:
    """Show one work; its bar stays when it has ended."""
    with board(keep=True) as shown, shown.track(title, total=total, unit=unit) as advance:
        yield advance


class _Lines:
    @contextmanager
    def track(self, title: str, total: int | None, *, unit: Unit) -> Iterator[Advance]:
        yield _Line(title, total, unit, self.say)

    def say(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")  # in one piece: `print` lets other threads in before the line's end
        sys.stderr.flush()


class _Line:
    def __init__(self, title: str, total: int | None, unit: Unit, say: Callable[[str], None]) -> None:
        self._title, self._total, self._say = title, total, say
        self._unit: Unit = unit
        self._done = 0
        self._start = self._last = time.monotonic()

    def __call__(self, amount: int) -> None:
        self._done += amount
        now = time.monotonic() + 1e-9  # later than the start, also on a coarse clock
        finished = self._done == self._total
        if now - self._last >= PLAIN_INTERVAL_S or finished:
            self._last = now
            self._say(self._text(now - self._start))

    def _text(self, elapsed_s: float) -> str:
        done, rate = _amount(self._done, self._unit), self._done / elapsed_s
        if not self._total:
            return f"{self._title}: {done}, {_rate(rate, self._unit)}"
        share = f"{self._done / self._total:.0%}"
        if self._unit == "percent":
            return f"{self._title}: {share}"
        text = f"{self._title}: {done} of {_amount(self._total, self._unit)} ({share})"
        if self._unit in _UNEVEN:
            return text
        return f"{text}, {_rate(rate, self._unit)}, {(self._total - self._done) / rate:.0f} s left"


class _Bars:
    def __init__(self, display: "Progress", *, keep: bool) -> None:
        self._display, self._keep = display, keep

    @contextmanager
    def track(self, title: str, total: int | None, *, unit: Unit) -> Iterator[Advance]:
        task = self._display.add_task(title, total=total, unit=unit)
        try:
            yield lambda amount: self._display.advance(task, amount)
        finally:
            if not self._keep:
                self._display.remove_task(task)

    def say(self, line: str) -> None:
        self._display.console.print(line, markup=False, highlight=False, soft_wrap=True)


def _amount(count: float, unit: Unit) -> str:
    things = f"{count:.0f} {unit}{'' if count == 1 else 's'}"
    return {"byte": f"{count / 1e6:.1f} MB", "percent": f"{count:.0f} %"}.get(unit, things)


def _rate(rate: float, unit: Unit) -> str:
    return {"byte": f"{rate / 1e6:.1f} MB/s", "frame": f"{rate:.2f} FPS"}.get(unit, "")


def _bars() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(_rate(task.speed or 0.0, task.fields["unit"]))

    class Amount(ProgressColumn):
        def render(self, task: Task) -> Text:
            unit = task.fields["unit"]
            whole = f" / {_amount(task.total, unit)}" if task.total else ""
            return Text(_amount(task.completed, unit) + whole)

    columns = [TextColumn("{task.description}"), BarColumn(), Amount(), Rate(), TimeRemainingColumn()]
    return Progress(*columns, console=Console(stderr=True))
