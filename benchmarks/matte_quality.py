"""Does the refinement make mattes better? Every network with real weights, against ground truth.

    python -m benchmarks.matte_quality

Writes its record, docs/matte_quality.md, docs/images/matte_edges.png and what the README says of it; with
options, prints only. Exits 1 when the refinement loses on average.
"""

import argparse
from pathlib import Path

from benchmarks import records
from benchmarks.quality_frames import ARTS, SIZES, Case
from benchmarks.quality_mattes import ORACLE, Matting, NetworkMatting, OracleMatting
from benchmarks.quality_pictures import write_edges
from benchmarks.quality_report import Quality, document, losses
from benchmarks.quality_scores import Pair, flicker, mean_pair, score_pair
from trt_anime.errors import TrtAnimeError

DOCS = Path(__file__).parents[1] / "docs"
COMMAND = "python -m benchmarks.matte_quality"
MODELS = ("u2netp", "u2net", "modnet")
THREADS = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        mattings = _mattings(given.models)
        quality = _measured(mattings, given.per_shot, given.sequence)
        packages = ("trt-anime", "onnxruntime", "opencv-python-headless", "numpy")
        content = records.facts(COMMAND, packages) | quality.content()
        print(document(content))
        if given == _parser().parse_args([]):
            records.keep("matte_quality", content)
            write_edges(DOCS / "images" / "matte_edges.png", mattings.__getitem__)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return int(bool(losses(quality)))


def _mattings(models: list[str]) -> dict[str, Matting]:
    networks = {model: NetworkMatting(model, threads=THREADS) for model in models}
    return {ORACLE: OracleMatting(threads=THREADS), **networks}


def _measured(mattings: dict[str, Matting], per_shot: int, sequence: int) -> Quality:
    pairs: dict[tuple[str, Case], Pair] = {}
    flickers: dict[tuple[str, str], tuple[float, float]] = {}
    frames = 0
    for case in (Case(art, size) for art in ARTS for size in SIZES):
        truths = case.truths(per_shot)
        frames += len(truths)
        for model, matting in mattings.items():
            pairs[model, case] = mean_pair([score_pair(matting.layers(truth), truth) for truth in truths])
            print(f"{case.art} {case.size} {model}", flush=True)
    for art in ARTS:
        moving = Case(art, "720p").sequence(sequence)
        for model, matting in mattings.items():
            layers = [matting.layers(truth) for truth in moving]
            kinds = ([one.without[..., 3] for one in layers], [one.refined[..., 3] for one in layers])
            flickers[model, art] = (flicker(kinds[0], moving), flicker(kinds[1], moving))
    return Quality(frames, sequence, pairs, flickers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matte_quality", description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), help=f"[default: {' '.join(MODELS)}]")
    parser.add_argument(
        "--per-shot", type=int, default=2, help="frames of each of three shots [default: 2]"
    )
    parser.add_argument(
        "--sequence", type=int, default=8, help="consecutive frames for flicker [default: 8]"
    )
    parser.add_argument("--no-docs", action="store_true", help="print only, write nothing")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
