"""Seconds until `trt-anime --help` has ended, files in the disk's cache.

python -m benchmarks.startup [--write]
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict

from benchmarks.machine import OtherLoad
from benchmarks.records import facts, is_to_be_kept, keep, offer_writing
from benchmarks.tables import Spread

COMMAND = "python -m benchmarks.startup --write"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20)
    offer_writing(parser)
    given = parser.parse_args()
    writes = is_to_be_kept(given, parser)
    load = OtherLoad()
    seconds = [_seconds() for _ in range(given.rounds + 1)][1:]  # the first one fills the cache
    content = {
        **facts(COMMAND, ("trt-anime", "typer")),
        "others": round(load.share(), 3),
        "rounds": given.rounds,
        "help_s": asdict(Spread.of(seconds)),
    }
    print(json.dumps(content, indent=1))
    if writes:
        keep("startup", content)


def _seconds() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "trt_anime", "--help"], check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
