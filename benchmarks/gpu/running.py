"""Runs the steps of one part, in its own process: each leaves what it found before the next begins."""

import importlib
import importlib.util
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.gpu.deadline import Clock, Deadline, OutOfTime
from benchmarks.gpu.findings import Finding, Found, Seen, StepError, Store
from benchmarks.gpu.parts import Part
from benchmarks.machine import now
from trt_anime.errors import DownloadError, MissingError, TrtAnimeError

if TYPE_CHECKING:
    from trt_anime.runtime.devices.api import Device


# The extra `gpu` has an environment of its own, which this makes.
REMEDY = "`make gpu-check GPU=native` brings it from a package registry, a bundle without one"


@dataclass(frozen=True)
class Step:
    """One thing to look at.

    Attributes:
        run: does it. Raises MissingError, DownloadError, ModuleNotFoundError: it can't be done here;
            OutOfTime: not in the time that was left; anything else: it failed.
        least_s: without so much time left it isn't begun.
    """

    name: str
    run: Callable[[], Seen]
    least_s: float = 5.0


@dataclass
class Context:
    """What the steps of a part share.

    Attributes:
        folder: for what a part leaves beside its finding.
        rehearsal: on the CPU and small, to see that it works.
        stack: closed after the last step.
    """

    deadline: Deadline
    folder: Path
    rehearsal: bool = False
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def device(self) -> str:
        """Its name, as `--device` takes it."""
        return "cpu" if self.rehearsal else "cuda:0"

    def opened(self) -> "AbstractContextManager[Device]":
        """The device, for one step. Raises MissingError."""
        from trt_anime.runtime.devices.opening import open_device

        return open_device(self.device)


def run_part(part: Part, store: Store, context: Context) -> None:
    """All steps that the part's finding doesn't have yet, as far as time allows.

    Raises OutputError: the finding can't be written.
    """
    finding = store.read(part.name)
    assert finding is not None  # whoever started this process wrote it
    with context.stack:
        found, steps = _steps_of(part, context)
        finding.plan([step.name for step in steps] or [part.name])
        if found is not None:
            finding.steps[part.name] = found
        run_steps(steps, finding, store, context.deadline)


def run_steps(steps: Sequence[Step], finding: Finding, store: Store, deadline: Deadline) -> None:
    """In their order; a step that there isn't time for is left out, and shorter ones after it aren't."""
    for step in steps:
        if step.name in finding.steps or not deadline.allows(step.least_s):
            continue
        finding.running, finding.running_left_s = step.name, deadline.left_s()
        store.write(finding)
        try:
            finding.steps[step.name] = found_by(step.run)
        except OutOfTime:
            continue
    finding.running = ""
    store.write(finding)


def found_by(run: Callable[[], Seen], *, clock: Clock = time.monotonic) -> Found:
    """Raises OutOfTime, and ModuleNotFoundError where it is a module of ours."""
    start = clock()
    found = _outcome(run)
    return replace(found, seconds=round(clock() - start, 1), measured=now())


def _outcome(run: Callable[[], Seen]) -> Found:
    try:
        seen = run()
    except (MissingError, DownloadError) as error:
        return Found("skipped", str(error))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(("trt_anime", "benchmarks")):
            raise
        return Found("skipped", f"{error}; {REMEDY}")
    except StepError as error:
        return Found("failed", str(error), tables=error.tables)
    except TrtAnimeError as error:
        return Found("failed", str(error))
    except OutOfTime:
        raise
    except Exception as error:  # other libraries' own; the other steps are worth having all the same
        return Found("failed", f"{type(error).__name__}: {error}")
    return Found("passed", seen.words, tables=seen.tables)


def lacking(needs: Sequence[str]) -> list[str]:
    """Those of the modules that aren't installed."""
    return [name for name in needs if not _is_here(name)]


def _is_here(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):  # its parent isn't there, or it is blocked
        return False


def _steps_of(part: Part, context: Context) -> tuple[Found | None, list[Step]]:
    """The steps, or why there are none."""
    if lacks := lacking(part.needs):
        return Found("skipped", f"needs {', '.join(lacks)}; {REMEDY}"), []
    steps: list[Step] = []

    def collect() -> Seen:
        steps.extend(importlib.import_module(part.module).steps(context))
        return Seen("")

    found = found_by(collect)
    if found.outcome == "passed" and not steps:
        found = Found("skipped", "there is nothing here that it could run on")
    return (None if steps else found), steps
