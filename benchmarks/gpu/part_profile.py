"""Whole runs from clip to files, as `trt-anime profile` measures them; its report is kept."""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.gpu.findings import Seen, Table
from benchmarks.gpu.models import MODEL
from benchmarks.gpu.running import Context, Step
from benchmarks.gpu.same import require_layers_as_cpu

RUNS = 3


@dataclass(frozen=True)
class Size:
    """How a clip of this size is profiled."""

    height: int
    frames: int
    least_s: float


SIZES = {"720p": Size(720, 96, 45), "1080p": Size(1080, 96, 60), "4K": Size(2160, 48, 90)}
REHEARSED = {"180p": Size(180, 24, 10)}
HEAD = ("size", "FPS at steady state", "FPS over all", "device idle", "overlap", "device MB", "bound by")


def steps(context: Context) -> list[Step]:
    """One for each size."""
    sizes = REHEARSED if context.rehearsal else SIZES
    return [
        Step(name, partial(_profiled, context, name, size), least_s=size.least_s)
        for name, size in sizes.items()
    ]


def row_of(name: str, facts: dict[str, Any]) -> tuple[str, ...]:
    """Of a profile's facts."""
    return (
        name,
        f"{facts['fps']['steady']:.1f}",
        f"{facts['fps']['over_all']:.1f}",
        f"{facts['device_idle']:.0%}",
        f"{facts['overlap']:.2f}",
        f"{facts['memory']['device_bytes'] / 1e6:.0f}",
        str(facts["verdict"]["headline"]),
    )


def _profiled(context: Context, name: str, size: Size) -> Seen:
    """Raises StepError: other layers than the CPU's. TrtAnimeError: as `profile_clip`."""
    from benchmarks.footage import make_footage
    from trt_anime.export import graphs
    from trt_anime.runtime.options import ProcessOptions
    from trt_anime.runtime.profiling.files import write_profile
    from trt_anime.runtime.profiling.profiled import profile_clip

    graph = graphs.ensure(MODEL)["matte"]
    report = context.folder / f"profile-{name}"
    with tempfile.TemporaryDirectory() as folder:
        footage = make_footage(Path(folder) / "in", frames=size.frames, height=size.height)
        options = ProcessOptions(
            input=footage.clip,
            output=Path(folder) / "out",
            device=context.device,
            precision=None,
            allow_cpu_nodes=True,
            held=False,
        )
        checked = require_layers_as_cpu(options, graph, Path(folder) / "compared")
        profile = profile_clip(options, graph=lambda stage: graph, runs=1 if context.rehearsal else RUNS)
    write_profile(report, profile)
    facts = profile.facts
    provider = ", ".join(stage["provider"] for stage in facts["stages"])
    table = Table(
        f"A whole run, {name}",
        f"{MODEL} on {provider}, {size.frames} frames H.264 to RGBA PNG, no frame reused; its report,"
        f" figures and trace are in {context.folder.name}/{report.name}/.",
        HEAD,
        [row_of(name, facts)],
    )
    words = f"against the CPU: {checked}; {facts['fps']['steady']:.1f} FPS; {facts['verdict']['headline']}"
    return Seen(words, (table,))
