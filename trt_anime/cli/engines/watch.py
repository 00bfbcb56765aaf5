"""Builds on the screen while they run."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from trt_anime.cli.engines.summary import words_of

if TYPE_CHECKING:
    from trt_anime.cli.progress import Board, Unit
    from trt_anime.engines.batch import Order, Outcome


class Watch:
    """A bar for each engine that is being built, one for all of them, and a line for each that ended.

    Attributes:
        ready: how many engines there are by now.
    """

    def __init__(self, board: "Board", total: int, *, aloud: bool) -> None:
        """`aloud`: errors are told as they come."""
        self._board, self._aloud = board, aloud
        self._bars: dict[Order, _Bar] = {}
        self._all = _Bar(board, "total", total, "engine") if total > 1 else None
        self._ended = 0
        self.ready = 0

    def on_progress(self, order: "Order", share: float) -> None:
        """Called by the thread that builds `order`; other threads have other orders."""
        if order not in self._bars:
            self._bars[order] = _Bar(self._board, order.title, 100, "percent")
        self._bars[order].reach(int(100 * share))

    def on_done(self, outcome: "Outcome") -> None:
        order, built = outcome.order, outcome.built
        self.ready += built is not None
        if bar := self._bars.pop(order, None):
            bar.close()
        if built and not built.cached:
            manifest = built.entry.manifest
            size = f"{manifest.size_bytes / 1e6:.1f} MB"
            self._board.say(f"{order.title}: built in {manifest.build_s:.1f} s, {size}")
        for sentence in built.notices if built else ():
            self._board.say(f"note: {sentence}")
        if outcome.error and self._aloud:
            self._board.say(f"error: {order.title}: {words_of(outcome.error)}")
        self._ended += 1
        if self._all:
            self._all.reach(self._ended)

    def close(self) -> None:
        """Take the bars away."""
        for bar in (self._all, *self._bars.values()):
            if bar:
                bar.close()


class _Bar:
    def __init__(self, board: "Board", title: str, total: int, unit: "Unit") -> None:
        self._stack = ExitStack()
        self._advance = self._stack.enter_context(board.track(title, total=total, unit=unit))
        self._done = 0

    def reach(self, done: int) -> None:
        if done > self._done:
            self._advance(done - self._done)
            self._done = done

    def close(self) -> None:
        self._stack.close()
