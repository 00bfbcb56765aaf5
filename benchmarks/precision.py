"""Every precision of the matting networks: how near to FP32, how large, how fast to build, what is inside.

    python -m benchmarks.precision

Calibrates on the sample clip, judges on frames of the generator with exact truth, and builds for the six
TensorRT-RTX targets. Writes its record, docs/precision_tables.md and what is quoted of it; with options,
prints only. Needs no GPU. IS-Net's weights are in no package
registry: it gets pseudo-random ones, which tells of structure, size and time, and nothing of mattes.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import records
from benchmarks.parity_table import row_of
from benchmarks.precision_models import SYNTHETIC, stage_graph_of
from benchmarks.precision_report import SHOWN, document
from benchmarks.quality_frames import ARTS, Case
from trt_anime.calibration import calibrator
from trt_anime.calibration.calibrator import answers
from trt_anime.calibration.parity import compare, run_with_onnxruntime
from trt_anime.cli.calibrate import frames
from trt_anime.cli.calibrate.work import Work
from trt_anime.cli.engines.workers import workers_for
from trt_anime.engines.batch import Order, Outcome, engines_from_orders
from trt_anime.engines.manifest import Precision, Profile
from trt_anime.engines.targets import targets_from_names
from trt_anime.errors import TrtAnimeError
from trt_anime.parity import Parity
from trt_anime.typed import Form, TypedGraph

ROOT = Path(__file__).parents[1]
CLIP = ROOT / "samples" / "first_light.mp4"
COMMAND = "python -m benchmarks.precision"
PACKAGES = ("trt-anime", "onnxruntime", "nvidia-modelopt", "tensorrt_rtx_cu13", "openvino")
MODELS = ("u2netp", "modnet", "isnet-anime")
PROFILE = Profile(height=720, width=1280, max_batch=4)
Kind = tuple[Precision, Form]
KINDS: tuple[Kind, ...] = (
    ("fp16", "tensorrt"),
    ("int8", "tensorrt"),
    ("int8", "cpu"),
)
BUILT: tuple[Precision, ...] = ("fp32", "fp16", "int8")


@dataclass(frozen=True, eq=False)
class Measured:
    """One model. `truth`: parity by precision and form on the generator's frames, for real weights."""

    model: str
    graph: Path
    graphs: dict[Kind, TypedGraph]
    truth: dict[Kind, Parity]
    engines: list[Outcome]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        if given.no_search:
            _find_nothing()
        found = [_measured(model, given.per_shot) for model in given.models]
        content = records.facts(COMMAND, PACKAGES) | {"models": [_content(one) for one in found]}
        print(document(content))
        if given == _parser().parse_args([]):
            records.keep("precision", content)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return 0


def _measured(model: str, per_shot: int) -> Measured:
    graph = stage_graph_of(model)
    if model in SYNTHETIC:
        _spare_noise()
    work = Work([CLIP], seed=0, method=None, again=False, say=lambda words: print(words, flush=True))
    graphs: dict[Kind, TypedGraph] = {}
    for precision, form in KINDS:
        try:
            graphs[precision, form] = work.typed(graph, precision, form)
        except TrtAnimeError as error:
            print(f"{model} {precision} for {form}: {error}", flush=True)
    truth = {} if model in SYNTHETIC else _against_truth(graph, graphs, per_shot)
    return Measured(model, graph, graphs, truth, list(_engines(model, graph, graphs)))


def _find_nothing() -> None:
    calibrator.NEGLIGIBLE.update(dict.fromkeys(calibrator.NEGLIGIBLE, math.inf))


def _spare_noise() -> None:
    """Noise has no few bad layers to be found, and nothing to be judged by many frames."""
    _find_nothing()
    for name, count in {"CALIBRATION_FRAMES": 4, "VALIDATION_FRAMES": 2}.items():
        setattr(frames, name, count)


def _against_truth(graph: Path, graphs: dict[Kind, TypedGraph], per_shot: int) -> dict[Kind, Parity]:
    truths = [truth for art in ARTS for truth in Case(art, "720p").truths(per_shot)]
    inputs = [{"frame": truth.frame[None]} for truth in truths]
    exact = [truth.alpha[None] for truth in truths]
    reference = answers(run_with_onnxruntime(graph), inputs)
    return {
        kind: compare(
            reference,
            run_with_onnxruntime(found.graph),
            inputs,
            stage="matte",
            precision=kind[0],
            reference_name="fp32",
            candidate_name=kind[0],
            truth=exact,
        ).parity
        for kind, found in graphs.items()
    }


def _engines(model: str, graph: Path, graphs: dict[Kind, TypedGraph]) -> Iterator[Outcome]:
    """Also of those that are too far from FP32, to see what they hold and what they take."""
    typed = {precision for precision, _ in graphs}
    wanted: list[Precision] = [kind for kind in BUILT if kind == "fp32" or kind in typed]
    orders = [
        Order(model, graph, target, precision, PROFILE)
        for precision in wanted
        for target in targets_from_names("all")
    ]
    yield from engines_from_orders(
        orders,
        workers=workers_for(orders)[0],
        force=True,
        on_progress=lambda order, share: None,
        on_done=lambda outcome: print(outcome.order.title, outcome.error or "", flush=True),
    )


def _content(one: Measured) -> dict[str, Any]:
    """What a record keeps of a model."""
    return {
        "model": one.model,
        "real": one.model not in SYNTHETIC,
        "size_bytes": one.graph.stat().st_size,
        "graphs": [
            {
                "name": _name(kind),
                "size_bytes": found.graph.stat().st_size,
                "method": found.record.method,
                "shares": found.record.shares,
                "kept": len(found.record.kept),
                "kept_first": [row.node.removeprefix("net/") for row in found.record.kept[:SHOWN]],
                "speeds": [
                    {name: getattr(speed, name) for name in ("provider", "ratio", "low", "high")}
                    for speed in found.record.speeds
                ],
            }
            for kind, found in one.graphs.items()
        ],
        "parity": {_name(kind): row_of(found.record.parity) for kind, found in one.graphs.items()},
        "truth": {_name(kind): row_of(parity) for kind, parity in one.truth.items()},
        "engines": [_engine(outcome) for outcome in one.engines],
    }


def _engine(outcome: Outcome) -> dict[str, Any]:
    found = {"precision": outcome.order.precision, "target": outcome.order.target.name}
    if outcome.built is None:
        return found | {"error": outcome.error}
    manifest = outcome.built.entry.manifest
    return found | {
        "size_bytes": manifest.size_bytes,
        "build_s": round(manifest.build_s, 2),
        "products": manifest.product_precision or {},
    }


def _name(kind: Kind) -> str:
    return f"{kind[0]} for {'TensorRT' if kind[1] == 'tensorrt' else 'CPUs'}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), help=f"[default: {' '.join(MODELS)}]")
    parser.add_argument("--per-shot", type=int, default=2, help="frames of each shot [default: 2]")
    parser.add_argument(
        "--no-search", action="store_true", help="don't look for layers to keep in higher precision"
    )
    parser.add_argument("--no-docs", action="store_true", help="print only, write nothing")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
