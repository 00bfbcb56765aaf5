"""How long `make demo` takes on a fresh clone, downloads and PyTorch included, and the chain in it.

    python -m benchmarks.demo [--write]

Needs git, make and a package registry. What is committed is cloned, not what the working tree has.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.code_path import ROOT
from benchmarks.machine import OtherLoad
from benchmarks.records import facts, is_to_be_kept, keep, offer_writing

COMMAND = "python -m benchmarks.demo --write"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    offer_writing(parser)
    given = parser.parse_args()
    writes = is_to_be_kept(given, parser)
    content = _measured()
    print(json.dumps(content, indent=1))
    if writes:
        keep("demo", content)


def _measured() -> dict[str, Any]:
    load = OtherLoad()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        # Nothing of this checkout and its home, which would spare downloads or run other code.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment["TRT_ANIME_HOME"] = str(Path(folder) / "home")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        start = time.perf_counter()
        subprocess.run(["make", "demo"], cwd=clone, env=environment, check=True)
        elapsed_s = time.perf_counter() - start
        run = json.loads((clone / "out" / "demo" / "run.json").read_text(encoding="utf-8"))
    return {
        **facts(COMMAND, ("trt-anime", "onnxruntime", "numpy")),
        "others": round(load.share(), 3),
        "make_s": round(elapsed_s, 1),
        "frames": run["frames"],
        "elapsed_s": run["elapsed_s"],
        "fps": run["fps"],
        "passes_s": {one["name"]: one["run_s"] for one in run["passes"]},
    }


if __name__ == "__main__":
    main()
