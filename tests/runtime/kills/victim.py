"""A process that runs jobs in children of its own, and kills them where it is told.

It reads one job a line, as JSON, and answers each with a line: how the child ended, and how often it came
by each of the points where it can be killed. Children are forked, so that none loads its libraries anew.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from trt_anime.runtime import process
from trt_anime.runtime.ledger.journal import Journal
from trt_anime.runtime.ledger.segments import Ledger
from trt_anime.runtime.media import pieces, remux, writers
from trt_anime.runtime.media.encoder import VideoSegment
from trt_anime.runtime.media.stills import StillsSegment
from trt_anime.runtime.media.video_sink import VideoSink
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.pipeline.feed import Feed
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

# Name -> where: the call before which a child is killed.
POINTS: dict[str, list[tuple[Any, str]]] = {
    "decode": [(Feed, "_next")],
    "infer": [(OrtCpuSession, "_run")],
    "encode": [(StillsSegment, "write"), (VideoSegment, "_encode")],
    "close": [(StillsSegment, "close"), (VideoSegment, "close")],
    "rename": [(pieces, "settle"), (remux, "settle")],
    "ledger": [(Journal, "_write")],
    "mux": [(remux, "_seconds")],
    "settle": [(Ledger, "settle")],
    "clear": [(VideoSink, "clear")],
    "companions": [(process, "write_companions"), (writers, "write_timecodes")],
}


@dataclass(frozen=True)
class Job:
    """A run, and where it is to be killed.

    Attributes:
        point: one of `POINTS`; ``time`` for a moment; None for nowhere.
        count: the call, counted from 1; of ``time``, milliseconds.
    """

    source: str
    output: str
    graph: str
    format: str
    resume: bool
    point: str | None = None
    count: int = 0
    segment_frames: int = 8


class _Kills:
    """Counts the calls of every point, and ends the process at the one that was asked for."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.calls = dict.fromkeys(POINTS, 0)
        self._lock = threading.Lock()
        for name, places in POINTS.items():
            for owner, attribute in places:
                if hasattr(owner, attribute):
                    setattr(owner, attribute, self._counted(name, getattr(owner, attribute)))
        if job.point == "time":
            threading.Thread(target=self._later, daemon=True).start()

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def counted(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                self.calls[name] += 1
                now = self.calls[name] == self._job.count and name == self._job.point
            if now:
                if name == "ledger":  # in the middle of a line
                    journal, line = arguments
                    call(journal, line[: len(line) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counted

    def _later(self) -> None:
        time.sleep(self._job.count / 1000)
        os.kill(os.getpid(), signal.SIGKILL)


def _run(job: Job) -> dict[str, int]:
    process.SEGMENT_FRAMES = job.segment_frames
    kills = _Kills(job)
    options = ProcessOptions(
        input=Path(job.source),
        output=Path(job.output),
        device="cpu",
        format=job.format,
        threads=2,
        resume=job.resume,
    )
    process.process_clip(options, graph=lambda stage: Path(job.graph))
    return kills.calls


def _child(job: Job, answer: int) -> int:
    try:
        calls = _run(job)
    except BaseException as error:
        os.write(answer, json.dumps({"error": repr(error)}).encode())
        return 1
    os.write(answer, json.dumps(calls).encode())
    return 0


def _fork(job: Job) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        os._exit(_child(job, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"status": status, "said": json.loads(said) if said else None}


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(_fork(Job(**json.loads(line)))), flush=True)


def line_of(job: Job) -> str:
    return json.dumps(asdict(job)) + "\n"


if __name__ == "__main__":
    main()
