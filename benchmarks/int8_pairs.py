"""`trt-anime process` in INT8 against FP32 on this CPU: same clip and cores, RGBA PNG out, no frame reused.

    python -m benchmarks.int8_pairs [--write]

Every round runs every way once, odd rounds in the opposite order; ratios are taken within a round. Needs
`trt-anime calibrate u2netp --frames samples/first_light.mp4 --precision int8`, and says so.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine, records
from benchmarks.footage import make_footage
from benchmarks.tables import Spread, markdown, paired_ratio
from trt_anime.errors import EngineError, TrtAnimeError

COMMAND = "python -m benchmarks.int8_pairs --write"
Row = dict[str, Any]
HEIGHTS = {"720p": 720, "1080p": 1080}


@dataclass(frozen=True)
class Way:
    """One way to process the clip."""

    name: str
    precision: str
    provider: str


WAYS = (
    Way("FP32, ONNX Runtime", "fp32", "onnxruntime"),
    Way("FP32, OpenVINO", "fp32", "openvino"),
    Way("INT8, ONNX Runtime", "int8", "onnxruntime"),
    Way("INT8, OpenVINO", "int8", "openvino"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    writes = records.is_to_be_kept(given, parser)
    machine.keep_to_cores(given.threads)
    load = machine.OtherLoad()
    rows: dict[str, list[Row]] = {}
    try:
        for size in given.sizes:
            print(f"\n{size}, {given.model}, {given.frames} frames, {given.rounds} rounds\n")
            rows[size] = _rows(_measured(given, HEIGHTS[size]))
            print(table(rows[size]))
        content = {
            **records.facts(COMMAND, ("trt-anime", "onnxruntime", "openvino")),
            "others": round(load.share(), 3),
            "threads": given.threads,
            "sizes": {
                size: {"frames": given.frames, "rounds": given.rounds, "rows": found}
                for size, found in rows.items()
            },
        }
        print(f"\n{content['date']}, {content['machine']}; other programs took {load.share():.0%}")
        if writes:
            records.keep("int8_pairs", content)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return 0


def _measured(given: argparse.Namespace, height: int) -> dict[str, list[float]]:
    """Milliseconds a frame by way, one a round."""
    found: dict[str, list[float]] = {way.name: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        footage = make_footage(Path(folder), height=height, frames=given.frames)
        for number in range(given.rounds):
            for way in WAYS if number % 2 == 0 else reversed(WAYS):
                found[way.name].append(_milliseconds(way, footage.clip, Path(folder), given))
    return found


def _milliseconds(way: Way, clip: Path, folder: Path, given: argparse.Namespace) -> float:
    output = folder / "out"
    command = [sys.executable, "-m", "trt_anime", "process", str(clip), "-o", str(output), "--overwrite"]
    command += ["--stages", "2a"]
    command += ["--model", given.model, "--precision", way.precision, "--provider", way.provider]
    command += ["--device", "cpu", "--no-held-frames", "--threads", str(given.threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise EngineError(f"{way.name}: {done.stderr.strip().splitlines()[-1]}")
    record = json.loads((output / "run.json").read_text())
    return 1000 * float(record["elapsed_s"]) / int(record["frames"])


def _rows(found: dict[str, list[float]]) -> list[Row]:
    base = found[WAYS[0].name]
    return [
        {"way": way, "ms": asdict(Spread.of(times)), "ratio": asdict(paired_ratio(base, times))}
        for way, times in found.items()
    ]


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    cells = [[row["way"], Spread(**row["ms"]).text(), Spread(**row["ratio"]).text(2)] for row in rows]
    return markdown(["way", "ms a frame", "times as fast"], cells)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.int8_pairs", description=__doc__)
    parser.add_argument("--model", default="u2netp")
    parser.add_argument("--sizes", nargs="+", default=list(HEIGHTS), choices=list(HEIGHTS))
    parser.add_argument("--frames", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    records.offer_writing(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
