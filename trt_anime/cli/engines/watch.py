"""Builds on the screen while they run."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from trt_anime.cli.engines.summary import words_of

if TYPE_CHECKING:
    from trt_anime.cli.progress import Advance, Board
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
        self._all: Advance | None = None
        if total > 1:
            # Open as long as the board is.
            self._all = ExitStack().enter_context(board.track("total", total=total, unit="engine"))
        self.ready = 0

    def on_progress(self, order: "Order", share: float) -> None:
        """Called by the thread that builds `order`; other threads have other orders."""
        if order not in self._bars:
            self._bars[order] = _Bar(self._board, order.title)
        self._bars[order].set(share)

    def on_done(self, outcome: "Outcome") -> None:
        order, built = outcome.order, outcome.built
        if bar := self._bars.pop(order, None):
            bar.close()
        if built and not built.cached:
            manifest = built.entry.manifest
            size = f"{manifest.size_bytes / 1e6:.1f} MB"
            self._board.say(f"{order.title}: built in {manifest.build_s:.1f} s, {size}")
        if outcome.error and self._aloud:
            self._board.say(f"error: {order.title}: {words_of(outcome.error)}")
        self.ready += built is not None
        if self._all:
            self._all(1)


class _Bar:
    def __init__(self, board: "Board", title: str) -> None:
        self._stack = ExitStack()
        self._advance = self._stack.enter_context(board.track(title, total=100, unit="percent"))
        self._percent = 0

    def set(self, share: float) -> None:
        steps = int(100 * share) - self._percent
        if steps > 0:
            self._percent += steps
            self._advance(steps)

    def close(self) -> None:
        self._stack.close()
