"""The ways to turn frames into RGBA PNG files that are compared, each timed for one run over all frames."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.footage import Footage
from benchmarks.rembg_setup import Rembg
from trt_anime.errors import TrtAnimeError
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.process import process_clip
from trt_anime.runtime.stages import STAGES

MODEL = "u2netp"
LOOP = Path(__file__).with_name("rembg_loop.py")


@dataclass(frozen=True)
class Timing:
    """Seconds for all frames of a run; `parts`: seconds of work by kind, where the way tells them."""

    seconds: float
    parts: dict[str, float] = field(default_factory=dict)


Way = Callable[[Path], Timing]
"""Takes a folder that doesn't exist yet, and leaves its results there."""


def ways(footage: Footage, rembg: Rembg, graph: Path, *, threads: int) -> dict[str, Way]:
    """Every way, in the order in which a round runs them; ours and rembg's take turns."""

    def our_command(source: Path, output: Path) -> Timing:
        command = [sys.executable, "-m", "trt_anime", "process", str(source), "--output", str(output)]
        command += ["--stages", "2a"]
        options = ["--model", MODEL, "--device", "cpu", "--format", "png", "--threads", str(threads)]
        # Reusing held frames would be another advantage, not this one.
        return _timed_command([*command, *options, "--no-held-frames"])

    def our_library(output: Path) -> Timing:
        options = ProcessOptions(
            input=footage.png, output=output, device="cpu", format="png", threads=threads, held=False
        )
        record = process_clip(options, graph=lambda stage: graph)
        return Timing(record.elapsed_s, record.busy_s | {"infer": record.stages[0].run_s})

    def their_command(output: Path) -> Timing:
        command = [str(rembg.command), "p", "-m", MODEL, str(footage.png), str(output)]
        return _timed_command(command, rembg.environment)

    def their_library(output: Path) -> Timing:
        command = [str(rembg.python), str(LOOP), str(footage.png), str(output)]
        found = json.loads(_output(command, rembg.environment).splitlines()[-1])
        return Timing(found["seconds"], found["parts"])

    return {
        "our command": lambda output: our_command(footage.png, output),
        "rembg command": their_command,
        "our command, mp4": lambda output: our_command(footage.clip, output),
        "rembg library": their_library,
        "our library": our_library,
    }


def layers_in(folder: Path) -> list[Path]:
    """The PNG files of a finished run, in clip order."""
    ours = folder / STAGES["2a"].layers[0].folder
    return sorted((ours if ours.is_dir() else folder).rglob("*.png"))


def _timed_command(command: list[str], environment: dict[str, str] | None = None) -> Timing:
    start = time.perf_counter()
    _output(command, environment)
    return Timing(time.perf_counter() - start)


def _output(command: list[str], environment: dict[str, str] | None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise TrtAnimeError(f"{Path(command[0]).name} {command[1]}: failed\n{done.stderr.strip()[-2000:]}")
    return done.stdout
