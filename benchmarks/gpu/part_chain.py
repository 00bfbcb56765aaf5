"""The whole default chain from clip to files, as `trt-anime profile` measures it; its report is kept."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.gpu.chain_here import choices_here, models_here, stages_of
from benchmarks.gpu.findings import Seen, StepError, Store, Table
from benchmarks.gpu.part_graphs import brought
from benchmarks.gpu.part_parity import compared, ways_of
from benchmarks.gpu.running import Context, Step
from benchmarks.gpu.same import FRAMES, require_chain_as_cpu
from trt_anime.errors import EngineError

if TYPE_CHECKING:
    from trt_anime.runtime.passes.choices import Choices
    from trt_anime.runtime.passes.networks import FilesOf
    from trt_anime.runtime.profiling.profiled import Profile

RUNS = 2
FEWEST, MOST = 12, 48  # frames of a run
# Of the sample clip, which is enlarged: every one, as a tracker follows what moves.
_CLIP_FRAMES = 96
# Each network's layers and ceilings by itself, after the runs.
_ALONE_S = 120.0
# Opening networks is most of a short run; more frames take this share of what each of its frames took.
_WARM = 0.5


@dataclass(frozen=True)
class Size:
    """How a clip of this size is profiled."""

    height: int
    least_s: float


SIZES = {"720p": Size(720, 240), "1080p": Size(1080, 330)}
REHEARSED = {"90p": Size(90, 10)}
EXPORT_S = 60.0
HEAD = ("pass", "stages", "s", "FPS", "device idle", "overlap")


def steps(context: Context) -> list[Step]:
    """One for each network that isn't here yet, then one for each size.

    Raises MissingError: not even the matte's graph is here.
    """
    _, lacks = choices_here(models_here())
    bring = [] if context.rehearsal else lacks
    sizes = REHEARSED if context.rehearsal else SIZES
    return [
        *(Step(model, partial(brought, model), least_s=EXPORT_S) for model in bring),
        *(
            Step(name, partial(_profiled, context, name, size), size.least_s)
            for name, size in sizes.items()
        ),
    ]


def _profiled(context: Context, name: str, size: Size) -> Seen:
    """Raises StepError: not what the CPU gives. TrtAnimeError: as `profile_chain`."""
    from benchmarks.footage import make_footage
    from benchmarks.synthetic_run import files
    from trt_anime.runtime.options import ProcessOptions
    from trt_anime.runtime.profiling.chain.profiled import profile_chain
    from trt_anime.runtime.profiling.files import write_profile

    chosen, lacks = choices_here(models_here())
    networks = require_networks(context, chosen, files)
    report = context.folder / f"chain-{name}"
    with tempfile.TemporaryDirectory() as folder:
        frames = FEWEST if context.rehearsal else _CLIP_FRAMES
        footage = make_footage(Path(folder) / "in", frames=frames, height=size.height)
        options = ProcessOptions(
            input=footage.clip,
            output=Path(folder) / "out",
            stages=stages_of(chosen),
            device=context.device,
            provider="onnxruntime",
            precision="fp32",
            allow_cpu_nodes=True,
            held=False,
        )
        checked, took_s = require_chain_as_cpu(options, chosen, files, Path(folder) / "compared")
        limit = FEWEST if context.rehearsal else frames_for(took_s, context.deadline.left_s())
        runs = 1 if context.rehearsal else RUNS
        profile = profile_chain(replace(options, limit=limit), chosen, files=files, runs=runs)
    write_profile(report, profile)
    headline = profile.facts["verdict"]["headline"]
    without = f"; without {', '.join(lacks)}, whose weights or graphs aren't here" if lacks else ""
    words = (
        f"{networks}; layers against the CPU: {checked};"
        f" {profile.facts['fps']['over_all']:.2f} FPS over all; {headline}{without}"
    )
    return Seen(words, (table_of(name, profile, f"{context.folder.name}/{report.name}", limit),))


def frames_for(took_s: float, left_s: float) -> int:
    """Frames of a run, so that all runs and one that warms up are over in time.

    Args:
        took_s: of a run over `FRAMES` frames.
        left_s: of the part's time.
    """
    for_one = (left_s - _ALONE_S) / (RUNS + 1) - took_s
    return max(FEWEST, min(MOST, FRAMES + int(for_one / (_WARM * took_s / FRAMES))))


def require_networks(context: Context, chosen: "Choices", files: "FilesOf") -> str:
    """Each network against the CPU, unless part `parity` has done so with this very code.

    Raises:
        StepError: one is too far off.
        MissingError: there isn't memory to compare one.
    """
    (way, opened), *_ = ways_of(context)[0].items()  # ONNX Runtime's, as the chain runs
    store = Store(context.folder)
    own = store.read("chain")
    known = store.read_for("parity", own.key).steps if own else {}
    done = {name for name, found in known.items() if found.outcome == "passed"}
    count = 0
    for model in chosen.models(stages_of(chosen)):
        graphs = list(files(model).graphs.values())
        for path in graphs:
            count += 1
            if f"{path.stem} by {way}" not in done:
                try:
                    compared(context, graphs, path, opened)
                except EngineError as error:
                    raise StepError(f"{path.stem}: {error}; no speed is told", ()) from error
    return f"{count} graphs give what the CPU's do"


def table_of(name: str, profile: "Profile", folder: str, frames: int) -> Table:
    """A row for each pass, and one for the whole run."""
    facts = profile.facts
    idle = idle_share(profile, facts["elapsed_s"])
    rows = [row_of(one) for one in facts["passes"]]
    rows.append(
        ("all", "", f"{facts['elapsed_s']:.2f}", f"{facts['fps']['over_all']:.2f}", f"{idle:.0%}", "")
    )
    providers = ", ".join(dict.fromkeys(str(one["provider"]) for one in facts["networks"] if one["runs"]))
    return Table(
        f"The whole chain, {name}",
        f"Preset `balanced` with an effect, networks on {providers}, {frames} frames, none reused; passes"
        " go on side by side. Device idle: share of the time in which no network ran; overlap: networks and"
        f" host threads at work at once, on average. Report, figures and trace are in {folder}/.",
        HEAD,
        rows,
    )


def row_of(one: Mapping[str, Any]) -> tuple[str, ...]:
    """Of a pass, as a profile's facts have it."""
    seconds = one["s"] or 1e-9
    host_s = sum(
        spent
        for threads in (one["own_thread_s"], one["helpers_s"])
        for doing, spent in threads.items()
        if doing != "network" and not doing.startswith("wait")
    )
    return (
        str(one["name"]),
        str(one["stages"]),
        f"{one['s']:.2f}",
        f"{one['fps']:.1f}",
        f"{max(0.0, 1 - one['network_s'] / seconds):.0%}",
        f"{(one['network_s'] + host_s) / seconds:.2f}",
    )


def idle_share(profile: "Profile", elapsed_s: float) -> float:
    """Of the run shown, the share of the time in which no network ran."""
    from trt_anime.runtime.profiling.chain.recording import NETWORK
    from trt_anime.runtime.profiling.steady import busy_s

    spans = [one for one in profile.recording.spans if one.what.startswith(NETWORK)]
    return max(0.0, 1 - busy_s((one.start_s, one.end_s) for one in spans) / elapsed_s)
