"""The tests of devices, sessions and pipeline on this machine's GPU, in a process of their own."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from trt_anime.errors import EngineError, MissingError

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests/runtime/devices", "tests/runtime/sessions", "tests/runtime/pipeline")
NEEDS = ("pytest", "pytest_timeout", "hypothesis", "av", "cv2", "onnx", "onnxruntime", "spox")


def run_tests() -> str:
    """pytest's own last line.

    Raises:
        MissingError: what the tests need isn't here.
        EngineError: some fail.
    """
    if missing := [name for name in NEEDS if find_spec(name) is None]:
        raise MissingError(f"the test suite needs {', '.join(missing)}; pip install 'trt-anime[gpu,dev]'")
    folders = [folder for folder in FOLDERS if (ROOT / folder).is_dir()]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.strip()] or ["pytest said nothing"]
    if done.returncode:
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        raise EngineError("; ".join([lines[-1], *failed[:5]]))
    return lines[-1].strip("= ")
