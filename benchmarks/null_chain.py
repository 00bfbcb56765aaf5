"""How far off is `--device null`? The chain for real, its networks' times replayed, and both compared.

    python -m benchmarks.null_chain [--write]

In turn, some rounds: the chain with its networks on this CPU; then on device null, with the latencies that
the run before left in its run.json. Everything but the networks runs for real both times. About 6 minutes
on 2 cores that do nothing else.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.records import facts, is_to_be_kept, keep, measured_on, offer_writing
from benchmarks.rembg_report import QUIET
from benchmarks.tables import Spread, markdown
from trt_anime.errors import TrtAnimeError
from trt_anime.files import write_text
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.choices import PRESETS
from trt_anime.runtime.passes.record import ChainRecord
from trt_anime.runtime.passes.run import process_chain

COMMAND = "python -m benchmarks.null_chain --write"
STAGES = ("1", "2a", "2c", "3", "4")  # of `fast` those whose networks have weights that a registry gives
PRESET = "fast"
SIZE, FRAMES, ROUNDS = "1280x720", 48, 2
REST = "look, previews"
MODULE = Path(__file__).parents[1] / "runtime" / "planning" / "host.py"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    writes = is_to_be_kept(given, parser)
    if given.home:
        os.environ["TRT_ANIME_HOME"] = str(given.home.resolve())
    machine.keep_to_cores(given.threads)
    load = machine.OtherLoad()
    try:
        found = compared(given.size, given.frames, given.rounds, given.threads)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    found["others"] = round(load.share(), 3)
    print(document(found))
    if writes:
        keep("null_chain", found)
        write_text(MODULE, module_of(found))
    return 0


def compared(size: str, frames: int, rounds: int, threads: int) -> dict[str, Any]:
    """What both took, round by round. Raises what runs raise."""
    from samples.film import FilmOptions, write_film
    from samples.scene import Scene, SceneOptions

    width, height = (int(side) for side in size.split("x"))
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scene = Scene(SceneOptions(seed=7, width=width, height=height, frames=frames))
        write_film(scene, folder / "film.mp4", FilmOptions(preset="medium", sound=False))
        for turn in range(rounds):
            measured = _run(folder, f"measured {turn}", threads, device="cpu")
            latencies = folder / f"measured {turn}" / "run.json"
            start = time.process_time()
            predicted = _run(folder, f"predicted {turn}", threads, device="null", latencies=latencies)
            core_s = (time.process_time() - start) / predicted.computed
            rows.append(
                {"measured": _seconds(measured), "predicted": _seconds(predicted), "core_s": core_s}
            )
            print(f"round {turn + 1}: {measured.fps:.2f} FPS, predicted {predicted.fps:.2f}", flush=True)
    return {
        **facts(COMMAND, ("trt-anime", "onnxruntime", "numpy")),
        "threads": threads,
        "size": size,
        "frames": frames,
        "rounds": rows,
    }


def document(found: Mapping[str, Any]) -> str:
    """Markdown, of nothing but the record."""
    rounds = found["rounds"]
    names = list(rounds[0]["measured"])
    rows = []
    for name in [*names, "all"]:
        both = [[_of(one[kind], name) for one in rounds] for kind in ("measured", "predicted")]
        off = [guess / fact - 1 if fact else 0.0 for fact, guess in zip(*both, strict=True)]
        cells = [Spread.of(each).text(1) for each in both]
        rows.append([name, *cells, f"{100 * statistics.median(off):+.0f} %"])
    fps = {
        kind: found["frames"] / statistics.median(_of(one[kind], "all") for one in rounds)
        for kind in ("measured", "predicted")
    }
    errors = [_of(one["measured"], "all") / _of(one["predicted"], "all") - 1 for one in rounds]
    parts = [
        "# The whole chain on `--device null`, against a run",
        f"*Written by `{COMMAND}`; don't edit.*",
        measured_on(found),
        *([f"**{_LOADED}**"] if found["others"] > QUIET else []),
        f"`trt-anime process --device null --latencies run.json` has predicted a run of which it knew the"
        f" networks' times and nothing else: preset `{PRESET}`, stages {', '.join(STAGES)},"
        f" {found['frames']} frames of {found['size']}. Seconds of each pass, median (lowest–highest) of"  # noqa: RUF001
        f" {len(rounds)} rounds of both in turn:",
        markdown(["pass", "measured s", "predicted s", "error"], rows),
        f"{fps['measured']:.2f} FPS measured, {fps['predicted']:.2f} predicted: off by"
        f" {100 * statistics.median(errors):+.0f} % in the median, by {100 * max(errors, key=abs):+.0f} %"
        " at worst. Here networks and host share the cores, so networks take longer while the host works;"
        " beside a GPU they don't. Opening networks is not predicted.",
        "All but the networks took"
        f" {Spread.of([one['core_s'] for one in rounds]).text(2)} s of a core for each frame that is not"
        " like the one before.",
    ]
    return "\n\n".join(parts) + "\n"


def module_of(found: Mapping[str, Any]) -> str:
    """The Python module by which `trt-anime plan` knows it."""
    width, height = (int(side) for side in found["size"].split("x"))
    core_s = statistics.median(one["core_s"] for one in found["rounds"]) / (width * height / 1e6)
    return f'''\
"""Work of the processor for a frame. Written by `{COMMAND}`; don't edit."""

CORE_S_PER_MEGAPIXEL = {core_s:.3g}
PROCESSOR = "{found["machine"].split(",")[0]}"
PRESET = "{PRESET}"
'''


_LOADED = "The machine was not quiet: don't quote these numbers."


def _run(folder: Path, name: str, threads: int, **more: Any) -> ChainRecord:
    from trt_anime.cli.choosing import files_of

    options = ProcessOptions(
        input=folder / "film.mp4",
        output=folder / name,
        stages=STAGES,
        preset=PRESET,
        threads=threads,
        **more,
    )
    return process_chain(options, PRESETS[PRESET], files=files_of)


def _seconds(record: ChainRecord) -> dict[str, float]:
    passes = {one.name: one.run_s for one in record.passes}
    return passes | {REST: round(record.elapsed_s - sum(passes.values()), 3)}


def _of(seconds: Mapping[str, float], name: str) -> float:
    return sum(seconds.values()) if name == "all" else seconds[name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.null_chain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", default=SIZE, help=f"WIDTHxHEIGHT  [default: {SIZE}]")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--threads", type=int, default=2, help="cores to use [default: 2]")
    parser.add_argument("--home", type=Path, help="for weights and graphs")
    offer_writing(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
