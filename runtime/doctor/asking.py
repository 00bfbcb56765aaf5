"""Ask libraries in processes of their own, all at once: a broken driver may crash or hang a process."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from pydantic import TypeAdapter, ValidationError

import trt_anime
from trt_anime.runtime.doctor.facts import Probed

TIMEOUT_S = 30.0  # the first load of CUDA's libraries from a cold disk takes its time
_PROBES = "trt_anime.runtime.doctor.probes"

P = TypeVar("P", bound=Probed)


@dataclass(frozen=True)
class _Child:
    process: "subprocess.Popen[bytes]"
    out: IO[bytes]
    errors: IO[bytes]


class Answers:
    """What the probes say; each is waited for when it is asked for."""

    def __init__(self, children: Mapping[str, _Child], timeout_s: float) -> None:
        self._children = children
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s

    def get(self, name: str, kind: type[P]) -> P:
        """A probe's answer; where it crashed or hung, `reason` alone says so."""
        child = self._children[name]
        try:
            code = child.process.wait(max(self._deadline - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            return kind(reason=f"it did not answer within {self._timeout_s:g} seconds")
        child.out.seek(0)
        try:
            return TypeAdapter(kind).validate_json(child.out.read())
        except ValidationError:
            return kind(reason=_crash(code, child.errors))


@contextmanager
def asked(*names: str, timeout_s: float = TIMEOUT_S) -> Iterator[Answers]:
    """Start the probes of these names; whatever still runs at the end is killed."""
    with ExitStack() as stack:
        children = {name: stack.enter_context(_child(name)) for name in names}
        yield Answers(children, timeout_s)


@contextmanager
def _child(name: str) -> Iterator[_Child]:
    # Files, no pipes: nobody has to read on, and a grandchild that holds them open holds nobody up.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", _PROBES, name],
            cwd=Path(trt_anime.__file__).parents[1],  # also where the child imports from
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
        )
        try:
            yield _Child(process, out, errors)
        finally:
            process.kill()
            with suppress(subprocess.TimeoutExpired):  # it hangs in the driver, where no kill reaches it
                process.wait(1)


def _crash(code: int, errors: IO[bytes]) -> str:
    how = (signal.strsignal(-code) or f"signal {-code}") if code < 0 else f"exit code {code}"
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    last = f": {lines[-1].strip()[:200]}" if lines else ""
    return f"it crashed the process that loaded it ({how}{last})"
