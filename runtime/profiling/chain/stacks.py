"""What the host's threads are at, looked at again and again: their stacks tell it, and passes need not.

A look comes when the interpreter lets it: a call that keeps the interpreter for itself is seen at its end,
as part of who called it, so that shares of modules hold better than those of single lines.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Literal, NamedTuple

Doing = Literal[
    "network",
    "compute",
    "decode",
    "read files",
    "write files",
    "wait for frames",
    "wait for writers",
    "wait",
]

_Rules = tuple[tuple[str, str, Doing], ...]
_Stack = tuple[int, ...]  # identities of functions' code, the innermost first

_RUNTIME = Path(__file__).parents[2]  # the folder of `runtime`, in a checkout or an installed package
_WAITS = ("threading.py", "queue.py", "concurrent/futures/thread.py", "concurrent/futures/_base.py")
# Loops of threads that stand in a queue's own code, which leaves no frame, while there is nothing to do.
_IDLE = ("devices/schedule.py _run", "pipeline/flow.py _take_all")
_EVERY_PASS = tuple(
    f"passes/{name}.py"
    for name in ("run", "lanes", "side_by_side", "context", "networks", "counting", "timed")
)

# File or folder below `runtime`, function (any, if empty) -> what a thread does that has it on its stack.
# The first that is found holds: a picture is encoded in order to be written.
_WORKING: _Rules = (
    ("sessions/", "", "network"),
    ("devices/", "", "network"),
    ("pipeline/program.py", "", "network"),
    ("results/planes.py", "_read", "read files"),
    ("plates/files.py", "read_plate", "read files"),
    ("results/planes.py", "write_frame", "write files"),
    ("results/planes.py", "write_picture", "write files"),
    ("plates/files.py", "write_plate", "write files"),
    ("media/encoder.py", "", "write files"),
    ("media/sinks.py", "", "write files"),
    ("pipeline/encode.py", "", "write files"),
    ("passes/progress.py", "", "write files"),
    ("media/video.py", "", "decode"),
    ("media/images.py", "", "decode"),
)
# The same for a thread that waits.
_WAITING: _Rules = (
    ("sessions/", "", "network"),
    ("devices/", "", "network"),
    ("streams.py", "ahead", "wait for frames"),
    ("streams.py", "do", "wait for writers"),
    ("streams.py", "wait", "wait for writers"),
)
_BOTH = _WORKING, _WAITING


class Seen(NamedTuple):
    """What a thread was at.

    Attributes:
        during: the pass.
        leads: it is the thread that the run's passes go on in; others help it.
        function: the innermost of this package, such as ``plates/aligning.py aligned``; empty in a wait.
        places: functions of the pass' own module on its stack, the innermost first.
    """

    during: str
    leads: bool
    doing: Doing
    function: str
    places: tuple[str, ...]


class Stacks:
    """Adds up seconds of threads; begun by the thread that passes go on in.

    While the run goes on stacks are told apart and no more, and code by its identity: a hash is worked out
    each time, of all its constants and names.

    Args:
        during: tells the pass that goes on.
    """

    def __init__(self, during: Callable[[], str]) -> None:
        self._during = during
        self._leader = threading.get_ident()
        self._before_s = time.perf_counter()
        self._seconds: dict[tuple[str, bool, _Stack], float] = defaultdict(float)
        self._codes: dict[_Stack, list[CodeType]] = {}  # also keeps them, and so their identities
        self._waits: dict[int, tuple[CodeType, bool]] = {}

    def look(self, now_s: float) -> None:
        """See `looking.Look`. No frame outlives it, or arrays of functions that have ended would, too.

        Nothing is collected meanwhile. CPython 3.11 may collect garbage while it makes the frame of a
        function that another thread is in; what is collected may let that thread go on, and the frame would
        be of a function that has ended: wrong stacks at best, and a crash of the run at worst.
        """
        took_s, self._before_s = now_s - self._before_s, now_s
        during, own = self._during(), threading.get_ident()
        collects = gc.isenabled()
        gc.disable()
        try:
            for ident, frame in sys._current_frames().items():
                leads = ident == self._leader
                # Helpers that wait are let go at once: there are many of them.
                if leads or (ident != own and not self._is_waiting(frame.f_code)):
                    self._seconds[during, leads, self._stack(frame)] += took_s
        finally:
            if collects:
                gc.enable()

    def seconds(self) -> dict[Seen, float]:
        """Of all looks; when no more will come."""
        known = {id(code): code for codes in self._codes.values() for code in codes}
        told = {ident: _known(code) for ident, code in known.items()}
        found: dict[Seen, float] = defaultdict(float)
        for (during, leads, stack), seconds in self._seconds.items():
            found[_seen(during, leads, [told[ident] for ident in stack])] += seconds
        return dict(found)

    def _stack(self, frame: FrameType) -> _Stack:
        codes = []
        at: FrameType | None = frame
        while at is not None:
            codes.append(at.f_code)
            at = at.f_back
        stack = tuple(map(id, codes))
        if stack not in self._codes:
            self._codes[stack] = codes
        return stack

    def _is_waiting(self, code: CodeType) -> bool:
        found = self._waits.get(id(code))
        if found is None:
            found = self._waits[id(code)] = code, _known(code).waits
        return found[1]


class _Code(NamedTuple):
    """What is to be known of a function.

    Attributes:
        name: empty outside of this package.
        place: the same where it is a pass' own.
        waits: who has it innermost waits.
        working, waiting: number of its first rule and what that says; None where there is none.
    """

    name: str
    place: str
    waits: bool
    working: tuple[int, Doing] | None
    waiting: tuple[int, Doing] | None


def _known(code: CodeType) -> _Code:
    path, function = Path(code.co_filename), code.co_name
    inside = path.relative_to(_RUNTIME).as_posix() if path.is_relative_to(_RUNTIME) else ""
    name = f"{inside} {function}" if inside else ""
    own = inside.startswith("passes/") and inside not in _EVERY_PASS
    waits = path.as_posix().endswith(_WAITS) or name in _IDLE
    return _Code(name, name if own else "", waits, *(_rule(rules, inside, function) for rules in _BOTH))


def _seen(during: str, leads: bool, codes: list[_Code]) -> Seen:
    doing = _doing(codes)
    function = "" if doing.startswith("wait") else next((code.name for code in codes if code.name), "")
    return Seen(during, leads, doing, function, tuple(code.place for code in codes if code.place))


def _rule(rules: _Rules, path: str, function: str) -> tuple[int, Doing] | None:
    for number, (file, wanted, doing) in enumerate(rules):
        if path and path.startswith(file) and wanted in ("", function):
            return number, doing
    return None


def _doing(codes: list[_Code]) -> Doing:
    """Of a stack, the innermost first."""
    waits = codes[0].waits
    found = [rule for code in codes if (rule := code.waiting if waits else code.working)]
    return min(found)[1] if found else "wait" if waits else "compute"
