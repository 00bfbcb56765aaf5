"""`trt-anime plan`: what a chain would take on a GPU, before one is bought or rented."""

import json
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trt_anime.cli.table import table
from trt_anime.errors import InputError

if TYPE_CHECKING:
    from trt_anime.runtime.planning.ceilings import Precision
    from trt_anime.runtime.planning.prediction import Forecast

_HEIGHTS = {"720p": 720, "1080p": 1080, "1440p": 1440, "2160p": 2160, "4k": 2160}


def plan(
    gpu: Annotated[str, typer.Option("--gpu", help="Such as rtx4090, l4, h100.")],
    resolution: Annotated[
        str, typer.Option("--resolution", help=f"{', '.join(_HEIGHTS)}, 800p, or 1080x1920.")
    ] = "1080p",
    preset: Annotated[str, typer.Option("--preset", help="fast, balanced or quality.")] = "balanced",
    models: Annotated[
        str | None, typer.Option("--models", help="Networks instead of the preset's, such as u2netp,lama.")
    ] = None,
    fps: Annotated[float, typer.Option("--fps", min=0.01, help="The goal, frames per second.")] = 25.0,
    precision: Annotated[str, typer.Option("--precision", help="fp16, int8 or fp32.")] = "fp16",
    profile: Annotated[
        Path | None,
        typer.Option(
            "--profile", help="Measured on that GPU: latencies, profile.json, run.json, or their folder."
        ),
    ] = None,
    latencies_out: Annotated[
        Path | None,
        typer.Option("--latencies-out", help="Write a file for `process --device null --latencies`."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Predict time, frames per second, memory and the number of GPUs. Needs neither GPU nor network."""
    from trt_anime.runtime.planning.ceilings import published
    from trt_anime.runtime.planning.known import COSTS
    from trt_anime.runtime.planning.loads import loads_of, loads_of_preset
    from trt_anime.runtime.planning.prediction import forecast
    from trt_anime.runtime.planning.profiles import load_profile

    width, height = _size(resolution)
    names = [name for name in (models or "").split(",") if name]
    found = forecast(
        loads_of(names) if names else loads_of_preset(preset),
        COSTS,
        published(gpu),
        width=width,
        height=height,
        precision=_precision(precision),
        fps=fps,
        profile=load_profile(profile) if profile else None,
    )
    if latencies_out:
        _write_latencies(latencies_out, found)
    whole = not names
    print(json.dumps(_plain(found, whole=whole), indent=2)) if as_json else _tell(found, whole=whole)


def _tell(found: "Forecast", *, whole: bool) -> None:
    """`whole`: the chain, of whose other work something is known."""
    from trt_anime.runtime.planning.host import PRESET, PROCESSOR
    from trt_anime.runtime.planning.memory import CONTEXT_BYTES

    rows = [
        [
            line.stage,
            line.what,
            _often(line.every),
            f"{1000 * line.run_s:.2f}",
            f"{1000 * line.frame_s:.2f}",
            "-" if line.memory_bytes is None else f"{line.memory_bytes / 1e6:.0f}",
            line.basis,
        ]
        for line in found.lines
    ]
    print(table(["stage", "graph", "runs", "ms a run", "ms a frame", "MB", "basis"], rows))
    lower, upper = ("at least ", "at most ") if found.uncounted else ("", "")
    print(f"\n{found.gpu}, {found.width}x{found.height}, {found.precision}:")
    speed = f"{lower}{1000 * found.frame_s:.2f} ms a frame, {upper}{found.fps:.1f} FPS on one GPU"
    print(f"{found.basis}: {speed}")
    own = f"{CONTEXT_BYTES / 1e9:.1f} GB is CUDA's own"
    print(f"predicted: {lower}{found.memory_bytes / 1e9:.1f} GB of its memory, of which {own}")
    if found.gpus:
        needed = f"{found.gpus} {'GPU' if found.gpus == 1 else 'GPUs'}"
        if whole:
            needed += f" and {math.ceil(found.goal_fps * found.host_core_s)} cores of {PROCESSOR}"
        print(f"{found.basis}: {lower}{needed} for {found.goal_fps:g} FPS{_lacking(found)}")
    else:
        print("predicted: its memory is too small for the chain; take fewer networks or another GPU")
    if whole:
        print(
            f"predicted: {found.host_core_s:.2f} s of a core a frame besides (decoding, masks, plates,"
            f" layers, encoding); measured with the preset {PRESET} only, whatever the preset here"
        )
    for note in found.notes:
        print(f"note: {note}")


def _lacking(found: "Forecast") -> str:
    graphs = "a graph that is" if len(found.uncounted) == 1 else f"{len(found.uncounted)} graphs that are"
    return f": {graphs} not counted, named below" if found.uncounted else ""


def _often(every: float) -> str:
    return "each frame" if every == 1 else f"1 in {every:.3g}" if every > 1 else f"{1 / every:.3g} a frame"


def _write_latencies(path: Path, found: "Forecast") -> None:
    """Raises InputError: a whole stage's time, which says nothing of one run. OutputError."""
    from trt_anime.files import write_text
    from trt_anime.runtime.planning.prediction import WHOLE_STAGE

    if whole := [line.stage for line in found.lines if line.what == WHOLE_STAGE]:
        raise InputError(
            f"--latencies-out {path}: the profile has stage {', '.join(whole)} as a whole; leave it"
            " out, or give the run.json of a run over several stages"
        )
    seconds = {f"{line.stage} {line.what}": line.run_s for line in found.lines}
    values = {"schema": 1, "gpu": f"{found.gpu}, {found.basis}", "seconds_per_run": seconds}
    write_text(path, json.dumps(values, indent=2) + "\n")


def _plain(found: "Forecast", *, whole: bool) -> dict[str, Any]:
    lines = [asdict(line) | {"frame_s": line.frame_s} for line in found.lines]
    more = {
        "frame_s": found.frame_s,
        "fps": found.fps,
        "basis": found.basis,
        "host_core_s": found.host_core_s if whole else None,
    }
    return asdict(found) | {"lines": lines} | more


def _size(resolution: str) -> tuple[int, int]:
    """(width, height); a name or rows alone are 16:9."""
    word = resolution.lower()
    sides = re.fullmatch(r"(?:(\d{2,5})x)?(\d{2,5})p?", word)
    height = _HEIGHTS.get(word) or (int(sides[2]) if sides else 0)
    width = int(sides[1]) if sides and sides[1] else round(height * 8 / 9) * 2
    if not 64 <= min(width, height) <= max(width, height) <= 8192:
        raise InputError(
            f"--resolution {resolution}: is no size; use {', '.join(_HEIGHTS)}, rows such as 800p, or"
            " 1280x800"
        )
    return width, height


def _precision(word: str) -> "Precision":
    from trt_anime.runtime.planning.ceilings import PRECISIONS

    for precision in PRECISIONS:
        if word == precision:
            return precision
    raise InputError(f"--precision {word}: the planner knows {', '.join(PRECISIONS)}")
