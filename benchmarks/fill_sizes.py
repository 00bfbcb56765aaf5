"""How does an inpainting network of one size fill a frame of any size: by scale, or by tiles?

    python -m benchmarks.fill_sizes

MI-GAN with its real weights against the true plates of the generator's films; LaMa, whose weights no
registry has, only for what both ways cost. Writes its record, docs/fill_sizes.md and
docs/images/fills.jpg; with options, prints only.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import records
from benchmarks.fill_pictures import row_of, sheet_of
from benchmarks.fill_report import SCALED, TILED, WINDOW, document
from benchmarks.fill_scores import Kind, hole_of, score, with_hole
from benchmarks.fill_tiles import in_tiles, tiles_of
from benchmarks.quality_frames import ARTS, Case
from benchmarks.sequential import HOME
from samples.scene import GroundTruth
from trt_anime.errors import TrtAnimeError
from trt_anime.export import catalogue, graphs
from trt_anime.export.recipes.inpaint import Inpainting
from trt_anime.files import write_bytes
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.filling import Fill, filled
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.plate import Plate

IMAGES = Path(__file__).parents[1] / "docs" / "images"
COMMAND = "python -m benchmarks.fill_sizes"
MODEL, HEAVY = "migan", "lama"
# Small holes only where the scale is hardest on them.
HOLES: dict[str, tuple[Kind, ...]] = {"720p": ("whole",), "1080p": ("whole", "rest")}
SHOTS = (0, 2)  # of one character each; two together leave little to go by
THREADS, HEAVY_ROUNDS = 2, 2
STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        rows, sheet = _qualities(given.per_shot)
        costs = {} if given.no_lama else _costs()
        content = records.facts(COMMAND, ("trt-anime", "onnxruntime", "numpy"))
        content |= {"per_shot": given.per_shot, "sides": _sides(), "rows": rows, "lama": costs}
        print(document(content))
        if given == _parser().parse_args([]):
            write_bytes(IMAGES / "fills.jpg", sheet)
            records.keep("fill_sizes", content)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return 0


def by_graph(model: str) -> Fill:
    """The stage graph of a model, on the CPU. Raises DownloadError."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.enable_cpu_mem_arena = False  # it would hide what a run takes
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting is no work
    session = ort.InferenceSession(
        str(graphs.ensure(model)["inpaint"]), options, providers=["CPUExecutionProvider"]
    )

    def fill(picture: Pixels, hole: Pixels) -> Pixels:
        (plates,) = session.run(["plate"], {"frame": picture[None], "hole": hole[None]})
        plate: Pixels = np.asarray(plates, np.uint8)[0]
        return plate

    fill(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8))  # the first run takes longer
    return fill


def in_windows(fill: Fill) -> Fill:
    """As the chain asks it: for windows around holes, and without the steps at their edges."""

    def windowed(picture: Pixels, hole: Pixels) -> Pixels:
        still, flat = np.eye(3)[None], np.zeros((1, 3))
        motions = Motions((hole.shape[0], hole.shape[1]), (0,), still, flat + 1, flat, np.ones(1))
        return filled(Plate(picture, np.asarray(255 - hole, np.uint8), motions, still), fill).canvas

    return windowed


def _sides() -> dict[str, int]:
    rows = {name: catalogue.get(name).recipe_as(Inpainting) for name in (MODEL, HEAVY)}
    return {name: recipe.size_rule.side for name, recipe in rows.items()}


def _qualities(per_shot: int) -> tuple[list[dict[str, Any]], bytes]:
    fill, side = by_graph(MODEL), _sides()[MODEL]
    ways = {SCALED: fill, WINDOW: in_windows(fill), TILED: in_tiles(fill, side)}
    rows, pictures = [], []
    for case in (Case(art, size) for art in ARTS for size in HOLES):
        for truth in _truths(case, per_shot):
            for kind in HOLES[case.size]:
                hole = hole_of(truth, kind)
                found = _row(truth.plate, hole, ways)
                facts = {"film": f"{case.art} {case.size}", "frame": truth.index, "hole": kind}
                rows.append(facts | {"tiles": len(tiles_of(hole > 0, side))} | found[0])
                print(rows[-1], flush=True)
                if case.size == "1080p":
                    pictures.append(row_of(truth, hole, found[1]))
    return rows, sheet_of(pictures, list(ways))


def _truths(case: Case, per_shot: int) -> list[GroundTruth]:
    scene = case.scene()
    return [truth for truth in case.truths(per_shot) if scene.shot_at(truth.index) in SHOTS]


def _row(plate: Pixels, hole: Pixels, ways: Mapping[str, Fill]) -> tuple[dict[str, Any], list[Pixels]]:
    picture, scores, answers = with_hole(plate, hole), {}, []
    for name, fill in ways.items():
        answer, seconds = _timed(lambda fill=fill: fill(picture, hole))  # type: ignore[misc]
        found = {key: round(value, 4) for key, value in asdict(score(plate, answer, hole)).items()}
        scores[name] = found | {"cpu_s": round(seconds, 3)}
        answers.append(answer)
    return {"ways": scores, "share": round(float((hole > 0).mean()), 4)}, answers


def _timed(work: Callable[[], Pixels]) -> tuple[Pixels, float]:
    """What it gives, and seconds of CPU time: others take none of those."""
    start = time.process_time()
    return work(), time.process_time() - start


def _costs() -> dict[str, Any]:
    """Of LaMa, for a 1080p frame by scale and for one tile of it, round by round."""
    from benchmarks.model_weights import bring_weights

    os.environ["TRT_ANIME_HOME"] = str(HOME.resolve())  # random weights aren't for those that people use
    bring_weights(catalogue.get(HEAVY))
    fill, side = by_graph(HEAVY), _sides()[HEAVY]
    [truth] = Case("sprites", "1080p").truths(1)[:1]
    hole = hole_of(truth, "whole")
    tiles = tiles_of(hole > 0, side)
    frame, tile = ((truth.plate, hole), (truth.plate[tiles[0]].copy(), hole[tiles[0]].copy()))
    found: dict[str, Any] = {"tiles": len(tiles), "frame": [], "tile": []}
    for _ in range(HEAVY_ROUNDS):
        for name, asked in (("frame", frame), ("tile", tile)):
            found[name].append(_cost(fill, *asked))
            print(name, found[name][-1], flush=True)
    return found


def _cost(fill: Fill, picture: Pixels, hole: NDArray[np.uint8]) -> dict[str, float]:
    """CPU seconds, and the bytes that were held besides what was held before."""
    before = _status("VmRSS")
    PEAK.write_text("5", encoding="ascii")  # the peak begins anew
    _, seconds = _timed(lambda: fill(picture, hole))
    return {"cpu_s": round(seconds, 2), "bytes": _status("VmHWM") - before}


def _status(name: str) -> int:
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fill_sizes", description=__doc__)
    parser.add_argument("--per-shot", type=int, default=1, help="frames of each shot [default: 1]")
    parser.add_argument("--no-lama", action="store_true", help="leave out what LaMa costs")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
