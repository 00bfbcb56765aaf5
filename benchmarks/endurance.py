"""What survives: a run killed fifty times, and the memory of 20,000 frames.

    python -m benchmarks.endurance

Both are tests of the suite; here they run by themselves, and what they saw is kept. Other load disturbs
neither.
"""

import json
import subprocess
import sys
from typing import Any

from benchmarks.code_path import ROOT
from benchmarks.records import facts, keep
from tests.runtime.kills.test_kills import KILLS
from trt_anime.errors import EngineError, TrtAnimeError

COMMAND = "python -m benchmarks.endurance"
KILLED = "tests/runtime/kills/test_kills.py::test_fifty_kills"


def main() -> int:
    """Run the command; returns its exit code."""
    try:
        _output("-m", "pytest", "-q", KILLED)
        found = {device: _soaked(device) for device in ("cpu", "null")}
        content = {**facts(COMMAND, ("trt-anime", "av", "numpy")), "kills": KILLS, "soak": found}
        print(json.dumps(content, indent=1))
        keep("endurance", content)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return 0


def _soaked(device: str) -> dict[str, Any]:
    seen = json.loads(_output("-m", "tests.runtime.pipeline.soak", device))
    return {
        "frames": min(seen["frames"]),
        "growth": round(seen["last_tenth_bytes"] / seen["first_tenth_bytes"] - 1, 5),
        "left": seen["threads"] + seen["handles"],
    }


def _output(*words: str) -> str:
    """Of Python with these words. Raises EngineError: it failed."""
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
        raise EngineError(f"{words[-1]}: failed, see above; nothing is kept of it")
    return done.stdout


if __name__ == "__main__":
    raise SystemExit(main())
