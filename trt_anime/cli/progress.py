"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

Unit = Literal["frame", "byte", "percent"]
Advance = Callable[[int], None]

PLAIN_INTERVAL_S = 5.0


@contextmanager
def progress(title: str, *, total: int | None, unit: Unit) -> Iterator[Advance]:
    """Yield a callable that takes how many units were just done; `total` may be unknown.

    Everything goes to stderr, so that stdout stays usable in pipes.
    """
    if sys.stderr.isatty():
        with _bar(title, total, unit) as advance:
            yield advance
    else:
        yield _Lines(title, total, unit)


class _Lines:
    def __init__(self, title: str, total: int | None, unit: Unit) -> None:
        self._title, self._total = title, total
        self._unit: Unit = unit
        self._done = 0
        self._start = self._last = time.monotonic()

    def __call__(self, amount: int) -> None:
        self._done += amount
        now = time.monotonic() + 1e-9  # later than the start, also on a coarse clock
        finished = self._done == self._total
        if now - self._last >= PLAIN_INTERVAL_S or finished:
            self._last = now
            print(self._line(now - self._start), file=sys.stderr, flush=True)

    def _line(self, elapsed_s: float) -> str:
        done, rate = _amount(self._done, self._unit), self._done / elapsed_s
        if not self._total:
            return f"{self._title}: {done}, {_rate(rate, self._unit)}"
        share = self._done / self._total
        if self._unit == "percent":  # steps of very different lengths: no rate, no time left
            return f"{self._title}: {share:.0%}"
        left_s = (self._total - self._done) / rate
        return (
            f"{self._title}: {done} of {_amount(self._total, self._unit)}"
            f" ({share:.0%}), {_rate(rate, self._unit)}, {left_s:.0f} s left"
        )


def _amount(count: float, unit: Unit) -> str:
    return {"byte": f"{count / 1e6:.1f} MB", "percent": f"{count:.0f} %"}.get(unit, f"{count:.0f} {unit}s")


def _rate(rate: float, unit: Unit) -> str:
    return {"byte": f"{rate / 1e6:.1f} MB/s", "frame": f"{rate:.2f} FPS"}.get(unit, "")


@contextmanager
def _bar(title: str, total: int | None, unit: Unit) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(_rate(task.speed or 0.0, unit))

    class Amount(ProgressColumn):
        def render(self, task: Task) -> Text:
            whole = f" / {_amount(task.total, unit)}" if task.total else ""
            return Text(_amount(task.completed, unit) + whole)

    columns = [TextColumn("{task.description}"), BarColumn(), Amount(), Rate(), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True)) as display:
        task = display.add_task(title, total=total)
        yield lambda amount: display.advance(task, amount)
