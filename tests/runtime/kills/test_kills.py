"""Killed at any moment, resumed, and the results are those of a run that nobody disturbed."""

import hashlib
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runtime.clips import Extras, Tags, Writing, write
from tests.runtime.kills.victim import POINTS, Job, line_of
from tests.runtime.media import picture, stage_graph
from trt_anime.runtime.ledger.segments import FILE_NAME as LEDGER
from trt_anime.runtime.output import RECORD

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL and fork")

FORMATS = ("png", "ffv1", "prores", "webm")
FRAMES = 36
KILLS = 50


class Zygote:
    """See `victim`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.runtime.kills.victim"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, job: Job) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line_of(job))
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        assert self._process.wait(30) == 0
        self._process.stdout.close()


@dataclass(frozen=True)
class Reference:
    """An undisturbed run: its job, the files it left, and how often it came by each point."""

    job: Job
    files: dict[str, str]
    calls: dict[str, int]


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    started = Zygote()
    yield started
    started.close()


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory, zygote: Zygote) -> dict[str, Reference]:
    folder = tmp_path_factory.mktemp("kills")
    graph, source = stage_graph(folder / "luma.onnx"), film(folder / "film.mkv")
    found = {}
    for format in FORMATS:
        job = Job(str(source), str(folder / format), str(graph), format, resume=False)
        answer = zygote.run(job)
        assert answer["status"] == 0, answer
        found[format] = Reference(job, files_in(folder / format), answer["said"])
    return found


def film(path: Path) -> Path:
    """Every third drawing is held for two frames; sound, subtitles and chapters beside it."""
    pictures = [picture(index - index // 3) / np.float32(255) for index in range(FRAMES)]
    return write(
        path,
        pictures,
        pts=[round(index * 1001 / 24) for index in range(FRAMES)],
        writing=Writing(),
        tags=Tags(),
        extras=Extras(audio=("aac",), subtitles=("subrip",), chapters=("One", "Two")),
    )


def files_in(folder: Path) -> dict[str, str]:
    """What a run leaves, but for what tells of the run itself."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (RECORD, LEDGER)
    }


def plan(rng: random.Random, reference: Reference, turn: int) -> tuple[str, int]:
    """Where to kill: every point in turn, at any of its calls; and one time in four at any moment."""
    if turn % 4 == 3:
        return "time", rng.randrange(20, 600)
    points = [name for name in POINTS if reference.calls[name]]
    point = points[turn % len(points)]
    return point, rng.randint(1, reference.calls[point])


def kill_and_resume(
    zygote: Zygote, references: dict[str, Reference], folder: Path, *, kills: int, seed: int
) -> None:
    rng = random.Random(seed)
    done = turn = 0
    while done < kills:
        reference = references[FORMATS[turn % len(FORMATS)]]
        output = folder / f"{turn}"
        job = replace(reference.job, output=str(output))
        killed_here = 0
        point, count = plan(rng, reference, turn // len(FORMATS))
        while True:
            answer = zygote.run(replace(job, resume=killed_here > 0, point=point, count=count))
            if answer["status"] != -signal.SIGKILL:
                break
            killed_here += 1
            # One in three is killed again while it resumes.
            point, count = plan(rng, reference, rng.randrange(100)) if rng.random() < 0.3 else ("none", 0)
        assert answer["status"] == 0, (turn, point, count, answer)
        assert files_in(output) == reference.files, (turn, point, count)
        done, turn = done + killed_here, turn + 1
        assert turn < 4 * kills, "hardly any run was killed"


def test_fifty_kills(zygote: Zygote, references: dict[str, Reference], tmp_path: Path) -> None:
    kill_and_resume(zygote, references, tmp_path, kills=KILLS, seed=7)


@pytest.mark.stress
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_kills(
    zygote: Zygote, references: dict[str, Reference], tmp_path: Path, seed: int
) -> None:
    kill_and_resume(zygote, references, tmp_path, kills=100, seed=1000 + seed)


def test_every_point_is_passed(references: dict[str, Reference]) -> None:
    for format, reference in references.items():
        passed = {name for name, calls in reference.calls.items() if calls}
        images = {"mux", "clear"} if format == "png" else set()
        assert passed >= set(POINTS) - images - {"settle"}, format
