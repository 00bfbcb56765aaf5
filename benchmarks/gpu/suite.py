"""The tests of devices, sessions and pipeline on this machine's GPU, in a process of their own."""

import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.gpu.deadline import OutOfTime
from benchmarks.gpu.findings import Seen
from benchmarks.gpu.running import REMEDY, Context, Step
from trt_anime.errors import EngineError, MissingError

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests/runtime/devices", "tests/runtime/sessions", "tests/runtime/pipeline")
NEEDS = ("pytest", "pytest_timeout", "xdist", "hypothesis", "av", "cv2", "onnx", "onnxruntime", "spox")


def steps(context: Context) -> list[Step]:
    """One for each folder."""
    folders = [folder for folder in FOLDERS if (ROOT / folder).is_dir()]
    return [Step(folder, partial(_run, context, folder), least_s=60) for folder in folders]


def run_tests(folder: str, *, timeout_s: float | None = None) -> str:
    """pytest's own last line.

    Raises:
        MissingError: what the tests need isn't here.
        EngineError: some fail.
        OutOfTime: they aren't through.
    """
    if missing := [name for name in NEEDS if find_spec(name) is None]:
        raise MissingError(f"the test suite needs {', '.join(missing)}; {REMEDY}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise OutOfTime from error
    lines = [line for line in done.stdout.splitlines() if line.strip()] or ["pytest said nothing"]
    if done.returncode:
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        raise EngineError("; ".join([lines[-1], *failed[:5]]))
    return lines[-1].strip("= ")


def _run(context: Context, folder: str) -> Seen:
    return Seen(run_tests(folder, timeout_s=context.deadline.left_s()))
