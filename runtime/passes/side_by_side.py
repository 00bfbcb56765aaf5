"""Passes side by side: each goes through the shots as soon as those it reads from have done with them."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait


class Stopped(KeyboardInterrupt):
    """This thread's work is to end: another's failed, or by Ctrl-C, which only the main one hears."""


class Gate:
    """What has been done, for threads that wait for each other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._done: set[tuple[str, int]] = set()
        self._stopped = False

    def note(self, name: str, shot: int) -> None:
        """A pass has done a shot."""
        with self._changed:
            self._done.add((name, shot))
            self._changed.notify_all()

    def is_done(self, name: str, shot: int) -> bool:
        with self._changed:
            return (name, shot) in self._done

    def look_again(self) -> None:
        """What somebody waits for may have come true."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, names: Sequence[str], shot: int, also: Callable[[], bool] = lambda: True) -> None:
        """Until these passes have done the shot, and something else is true besides. Raises Stopped."""
        wanted = {(name, shot) for name in names}
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or (wanted <= self._done and also()))
        self.go_on()

    def stop(self) -> None:
        """Everybody who waits, or asks whether to go on."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def go_on(self) -> None:
        """Raises Stopped."""
        if self._stopped:
            raise Stopped


def side_by_side(lanes: Sequence[Callable[[], None]], gate: Gate) -> None:
    """Run each in a thread of its own, until all have ended.

    Raises the error of the first in the list that failed by itself; the others have been stopped then.
    """
    if not lanes:
        return
    with ThreadPoolExecutor(len(lanes), "pass") as pool:
        jobs = [pool.submit(lane) for lane in lanes]
        try:
            wait(jobs, return_when=FIRST_EXCEPTION)
        finally:
            gate.stop()  # who still works, because another failed or the wait was interrupted
    errors = [error for job in jobs if (error := job.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, Stopped)):
        raise error
