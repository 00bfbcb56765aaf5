"""The chain against plain sequential PyTorch: same weights, same frames, same cores, in the same run.

    python -m benchmarks.sequential

The baseline reads a frame with OpenCV, runs each stage's reference in PyTorch and writes with OpenCV, one
thing after the other. Ours runs the stage graphs in the product's sessions, with decode, stages and encode
overlapped on the cores. Results of each stage are compared first; where they differ no speed is told. Then
both take turns, A B A B: each stage by itself on frames in memory, and the whole way from clip to files.
What both wrote last is compared file by file, and again no speed is told where it differs; for that, the
clip has colour for every pixel and BT.601, so that both decoders give the same pixels. Every frame is
computed, nothing is reused: every network looks at every frame, but for the captioner, which describes the
first one. The whole chain has MobileSAM in stage 1, Mask2Former is measured by itself. All stages at once
take some 10 GB of memory.

Weights are real where a package registry has them (u2netp, mobile-sam), else random ones in the published
layout, which take the same time. They are kept in a home of their own.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine
from benchmarks.footage import make_footage
from benchmarks.pairs import Pair, Rounds, table
from trt_anime.errors import TrtAnimeError
from trt_anime.files import write_text

if TYPE_CHECKING:
    from benchmarks.chain.stages import ChainStage

HEIGHTS = {"180p": 180, "720p": 720, "1080p": 1080, "4K": 2160}
NAMES = ("2a", "1", "2b", "2c", "3", "4")
_OF_CHARACTERS = {"2c", "3"}
FLOOR = 1.6
OTHER = "sequential PyTorch"
HOME = Path("out/bench")  # of its own: random weights don't belong among those that people use
_QUICK = {"size": "180p", "frames": 2, "rounds": 1, "stages": ["2a"]}
_PARITY_FRAMES = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.quick:
        vars(given).update(_QUICK)
    if "2a" not in given.stages and not _OF_CHARACTERS.isdisjoint(given.stages):
        parser.error("--stages: 2c and 3 look at what 2a cuts out; name it, too")
    os.environ["TRT_ANIME_HOME"] = str(given.home.resolve())
    machine.keep_to_cores(given.threads)
    load = machine.OtherLoad()
    try:
        pairs = sequential_pairs(
            stages=given.stages,
            size=given.size,
            frames=given.frames,
            rounds=given.rounds,
            threads=given.threads,
            device=given.device,
        )
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    print(f"\n{table(pairs)}\n")
    packages = ("trt-anime", "onnxruntime", "torch", "opencv-python-headless")
    print(f"{machine.now()}, {machine.cpu()}, {machine.versions(packages)};", end=" ")
    print(f"other programs took {load.share():.0%} of the CPU time")
    if given.json:
        write_text(given.json, json.dumps([asdict(pair) for pair in pairs], indent=1) + "\n")
    return 0


def sequential_pairs(
    *, stages: Sequence[str], size: str, frames: int, rounds: int, threads: int, device: str = "cpu"
) -> list[Pair]:
    """Each stage by itself, and last the whole chain.

    Args:
        stages: their numbers, or models of them.

    Raises EngineError: results differ. Whatever fetching weights and exporting graphs raise.
    """
    # PyTorch and what needs it, late: `--help` and the tests of this module's words do without.
    from benchmarks.chain.measuring import Both
    from benchmarks.chain.our_way import OurChain
    from benchmarks.chain.stages import CHAIN
    from benchmarks.chain.torch_way import TorchChain

    rows = [row for row in CHAIN.values() if row.name in stages or row.model in stages]
    with tempfile.TemporaryDirectory() as name:
        footage = make_footage(Path(name) / "in", frames=frames, height=HEIGHTS[size], is_plain=True)
        theirs = TorchChain(rows, device=device, threads=threads)
        frame = footage.height, footage.width
        with OurChain.open(rows, device=device, threads=threads, size=frame) as ours:
            both = Both(ours, theirs, rows, footage, Path(name))
            words = both.check(_PARITY_FRAMES)
            for line in words.values():
                print(line, flush=True)
            found = [_of_stage(size, row, both.stage(row, rounds), words[row.title]) for row in rows]
            names = dict.fromkeys(row.name for row in both.chain_rows)
            whole = f"{size}, chain of {', '.join(names)}"
            timed, files = both.chain(rounds)
            print(files, flush=True)
            checked = f"{words['decode']}; {files}"
            return [*found, Pair(whole, OTHER, timed.ours, timed.theirs, checked, floor=FLOOR)]


def _of_stage(size: str, row: "ChainStage", timed: Rounds, checked: str) -> Pair:
    unit = "caption" if row.cadence == "first frame" else "frame"
    return Pair(f"{size}, stage {row.title}", OTHER, timed.ours, timed.theirs, checked, unit)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sequential",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stages", nargs="+", choices=NAMES, default=list(NAMES), help="[default: all]")
    parser.add_argument("--size", choices=HEIGHTS, default="720p", help="[default: 720p]")
    parser.add_argument("--frames", type=int, default=4, help="frames a run [default: 4]")
    parser.add_argument("--rounds", type=int, default=3, help="runs of both ways [default: 3]")
    parser.add_argument("--threads", type=int, default=2, help="cores that both may use [default: 2]")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="[default: cpu]")
    parser.add_argument("--home", type=Path, default=HOME, help="for weights and graphs")
    parser.add_argument("--quick", action="store_true", help="one stage, small and once: does it work?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the time of every round")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
