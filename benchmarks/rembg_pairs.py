"""`trt-anime process` against rembg: same network file, same threads, same frames, both to RGBA PNG.

    python -m benchmarks.rembg_pairs

Every round runs every way once, so that what slows the machine slows both; ratios are taken within a round.
Held frames are drawn anew by both: no result is reused.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.agreement import Agreement, check_agreement
from benchmarks.contenders import MODEL, Timing, Way, ways
from benchmarks.footage import Footage, make_footage
from benchmarks.graph_profile import graph_times
from benchmarks.rembg_report import report
from benchmarks.rembg_setup import Rembg, prepare_rembg
from trt_anime.errors import TrtAnimeError
from trt_anime.export import catalogue, checkpoints, graphs
from trt_anime.files import write_text

HEIGHTS = {"720p": 720, "1080p": 1080}


@dataclass(frozen=True)
class Measured:
    """One frame size. `rounds`: for each way its timings, seconds *per frame*. `graph`: see graph_times."""

    size: str
    frames: int
    agreement: Agreement
    rounds: dict[str, list[Timing]]
    graph: dict[str, float]


def measured_of(values: Mapping[str, Any]) -> Measured:
    """Out of JSON."""
    rounds = {way: [Timing(**timing) for timing in timings] for way, timings in values["rounds"].items()}
    return Measured(**{**values, "agreement": Agreement(**values["agreement"]), "rounds": rounds})


@dataclass(frozen=True)
class Facts:
    """What the numbers hold for. `others`: share of the CPU time that other programs took meanwhile."""

    date: str
    command: str
    cpu: str
    versions: str
    others: float
    load_before: str
    load_after: str
    threads: int
    model_sha256: str


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        facts, results = compared(given.sizes, given.frames, given.rounds, given.threads)
        text = report(facts, results)
        print(text)
        if given.json:
            content = {"facts": asdict(facts), "results": [asdict(result) for result in results]}
            write_text(given.json, json.dumps(content, indent=2) + "\n")
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return 0


def compared(sizes: list[str], frames: int, rounds: int, threads: int) -> tuple[Facts, list[Measured]]:
    """Both programs at `sizes` of `HEIGHTS`. Raises TrtAnimeError: they don't agree, or one failed."""
    machine.keep_to_cores(threads)
    model = checkpoints.pull(catalogue.get(MODEL), door="onnx")
    graph = graphs.ensure(MODEL)["matte"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rembg = prepare_rembg(model, home=folder / "rembg", threads=threads)
        facts = Facts(
            date=machine.now(),
            command="python -m benchmarks.rembg_pairs"
            f" --frames {frames} --rounds {rounds} --threads {threads}",
            cpu=machine.cpu(),
            versions=machine.versions(("trt-anime", "onnxruntime", "numpy")) + f"; {rembg.versions()}",
            others=0.0,
            load_before=machine.load_average(),
            load_after="",
            threads=threads,
            model_sha256=rembg.model_sha256,
        )
        results, load = [], machine.OtherLoad()
        for size in sizes:
            footage = make_footage(folder / size, frames=frames, height=HEIGHTS[size])
            results.append(_measured(size, footage, rembg, graph, folder / size, rounds, threads))
    return replace(facts, load_after=machine.load_average(), others=load.share()), results


def _measured(
    size: str, footage: Footage, rembg: Rembg, graph: Path, folder: Path, rounds: int, threads: int
) -> Measured:
    contenders = ways(footage, rembg, graph, threads=threads)
    agreement = _agreement(contenders, folder / "check", footage, rembg)
    print(f"{size}: {agreement}", flush=True)
    timings: dict[str, list[Timing]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, way in contenders.items() if number % 2 == 0 else reversed(contenders.items()):
            with tempfile.TemporaryDirectory(dir=folder) as output:
                timing = _per_frame(way(Path(output) / "layers"), footage.frames)
            timings[name].append(timing)
            print(f"{size}: round {number + 1}: {name}: {1000 * timing.seconds:.0f} ms a frame", flush=True)
    return Measured(size, footage.frames, agreement, timings, graph_times(graph, footage))


def _agreement(contenders: dict[str, Way], folder: Path, footage: Footage, rembg: Rembg) -> Agreement:
    """Run both commands once, which warms the disk cache too."""
    folder.mkdir()
    outputs = [folder / "ours", folder / "theirs"]
    for name, output in zip(("our command", "rembg command"), outputs, strict=True):
        contenders[name](output)
    return check_agreement(*outputs, footage=footage, model_sha256=rembg.model_sha256)


def _per_frame(timing: Timing, frames: int) -> Timing:
    parts = {name: seconds / frames for name, seconds in timing.parts.items()}
    return Timing(timing.seconds / frames, parts)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rembg_pairs", description=__doc__)
    parser.add_argument("--frames", type=int, default=24, help="frames a run [default: 24]")
    parser.add_argument("--rounds", type=int, default=3, help="runs of every way [default: 3]")
    parser.add_argument("--threads", type=int, default=2, help="inference threads, and cores [default: 2]")
    parser.add_argument(
        "--sizes", nargs="+", choices=HEIGHTS, default=list(HEIGHTS), help="[default: both]"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every timing of every round")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
