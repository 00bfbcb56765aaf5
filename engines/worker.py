"""One engine, one process.

The builder gives equal bytes for equal input only in a fresh process whose memory is laid out as it
was the last time: it walks over tables that are ordered by address, and numbers things on from one
engine to the next. It can't be interrupted from Python inside a long step, and takes the process
with it if it crashes. So it gets a process of its own, started the same way each time: the order goes
in on stdin, progress and the engine come out on stdout.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import trt_anime
from trt_anime.engines.compiler import Plan, compiled
from trt_anime.engines.flavours import FLAVOURS
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError, MissingError, TrtAnimeError

GRACE_S = 1.0

# All that the child sees of the environment: what finds libraries and devices. More would only move
# addresses.
_PASSED = ("PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SYSTEMROOT", "TMPDIR", "TEMP")
_FIXED = {"PYTHONHASHSEED": "0"}

_under_way: "set[subprocess.Popen[bytes]]" = set()

_SETTLED = "--settled"
_ADDR_NO_RANDOMIZE = 0x0040000


def plan_from_onnx(
    graph: bytes,
    target: Target,
    profile: Profile,
    *,
    on_progress: Callable[[float], None],
    timing_cache: Path | None = None,
    beside: Path | None = None,
) -> Plan:
    """`compiler.compiled` in a fresh process; `on_progress` is told the share done, 0 to 1.

    Equal arguments give equal bytes on one machine if the plan says `reproducible`: its kernel let the
    process have fixed addresses, as Linux does outside of stricter sandboxes. Not promised: equal bytes
    on two machines.
    On any exception, Ctrl-C included, the process has ended when the exception leaves here.

    Raises:
        EngineError: the library refused, or the process crashed.
        MissingError: the flavour isn't installed.
    """
    order = {"target": asdict(target), "profile": asdict(profile), "graph_bytes": len(graph)}
    if timing_cache:  # else the order stays the same in every home, and so do addresses in the child
        order["timing_cache"] = str(timing_cache)
    if beside:
        order["beside"] = str(beside.absolute())
    with tempfile.TemporaryFile() as errors, _child(errors) as child:
        assert child.stdin and child.stdout
        _under_way.add(child)
        try:
            _send(child.stdin, order, graph)
            plan = _received(child.stdout, on_progress)
        except (EOFError, BrokenPipeError) as error:
            raise _crash(child, errors, target) from error
        finally:
            with suppress(OSError):
                child.stdin.close()
            child.stdout.close()  # a build that is still running finds nobody to tell, and cancels
            _end(child)
            _under_way.discard(child)
    on_progress(1.0)
    return plan


def kill_all() -> None:
    """End every build that threads of this process have under way; each of them gets an EngineError."""
    for child in tuple(_under_way):
        child.kill()


def _child(errors: IO[bytes]) -> "subprocess.Popen[bytes]":
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "trt_anime.engines.worker"],
        cwd=Path(trt_anime.__file__).parents[1],  # also where the child imports from
        env=passed | _FIXED,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
    )


def _received(pipe: IO[bytes], on_progress: Callable[[float], None]) -> Plan:
    while line := pipe.readline():
        message = json.loads(line)
        if "share" in message:
            on_progress(message["share"])
        elif "error" in message:
            kind = MissingError if message["kind"] == "MissingError" else EngineError
            raise kind(message["error"])
        else:
            size_bytes = message.pop("engine_bytes")
            engine = pipe.read(size_bytes)
            message["notices"] = tuple(message["notices"])
            if len(engine) == size_bytes:
                return Plan(engine=engine, **message)
    raise EOFError


def _end(child: "subprocess.Popen[bytes]") -> None:
    try:
        child.wait(timeout=2 * GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()


def _crash(child: "subprocess.Popen[bytes]", errors: IO[bytes], target: Target) -> EngineError:
    code = child.wait()
    reason = signal.strsignal(-code) if code < 0 else f"exit code {code}"
    errors.seek(0)
    words = errors.read().decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
    title = FLAVOURS[target.flavour].title
    return EngineError(f"{title} stopped while building for {target.name} ({reason}): {words[0]}")


def _send(pipe: IO[bytes], message: dict[str, Any], payload: bytes = b"") -> None:
    pipe.write(json.dumps(message).encode() + b"\n" + payload)
    pipe.flush()


def main() -> None:
    """The child: take one order from stdin, answer on stdout."""
    _settle()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends Ctrl-C to us too; the parent decides
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not mix with the answers
    order = json.loads(sys.stdin.buffer.readline())
    graph = sys.stdin.buffer.read(order["graph_bytes"])
    target, profile = Target(**order["target"]), Profile(**order["profile"])
    cache, beside = (Path(order[key]) if key in order else None for key in ("timing_cache", "beside"))
    report = _reporter(answers)
    try:
        plan = compiled(graph, target, profile, report=report, timing_cache=cache, beside=beside)
    except TrtAnimeError as error:
        _send(answers, {"error": str(error), "kind": type(error).__name__})
    except KeyboardInterrupt:
        sys.exit(130)
    else:
        facts = asdict(replace(plan, reproducible=_SETTLED in sys.argv))
        engine = facts.pop("engine")
        _send(answers, {**facts, "engine_bytes": len(engine)}, engine)


def _settle() -> None:
    """Start this process over with fixed addresses. Left as it is where the system has no such thing."""
    if sys.platform != "linux" or _SETTLED in sys.argv:
        return
    if ctypes.CDLL(None).personality(_ADDR_NO_RANDOMIZE) != -1:
        os.execv(sys.executable, [*sys.orig_argv, _SETTLED])


def _reporter(answers: IO[bytes]) -> Callable[[float], bool]:
    told = -1.0

    def report(share: float) -> bool:
        nonlocal told
        if share - told < 0.01:  # steps come in thousands
            return True
        told = share
        try:
            _send(answers, {"share": share})
        except OSError:
            return False  # the parent cancelled, or is gone
        return True

    return report


if __name__ == "__main__":
    main()
