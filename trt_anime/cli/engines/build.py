"""`trt-anime engines build`: stage graphs into TensorRT engines, for this GPU or for others."""

import re
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from trt_anime.cli.engines.sources import Source, sources
from trt_anime.cli.engines.summary import Row, row_from_outcome, summary_json, summary_table
from trt_anime.cli.engines.watch import Watch
from trt_anime.cli.engines.workers import workers_for
from trt_anime.cli.progress import board
from trt_anime.errors import EngineError, InputError, MissingError, TrtAnimeError

if TYPE_CHECKING:
    from trt_anime.engines.batch import Order, Outcome
    from trt_anime.engines.manifest import Precision, Profile
    from trt_anime.engines.targets import Target

    Kinds = list[tuple[Precision, Target]]


def build(
    models: Annotated[list[str] | None, typer.Argument(metavar="MODELS", help="Such as u2netp.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every model whose weights are on this machine.")
    ] = False,
    gpu: Annotated[
        str,
        typer.Option(
            help="GPU types, comma-separated: cards (rtx4090), compute capabilities (sm86), native "
            "(the GPU in this machine), all (every TensorRT-RTX target). No GPU is needed to build "
            "for the RTX types."
        ),
    ] = "native",
    precision: Annotated[
        str, typer.Option(help="fp32, fp16, int8, fp8; several comma-separated.")
    ] = "fp16",
    size: Annotated[
        str | None,
        typer.Option(help="Frame size, width x height  [default: 1920x1080, or the only one of a graph]"),
    ] = None,
    max_batch: Annotated[int, typer.Option(min=1, help="Most frames that one call may take.")] = 4,
    graph: Annotated[Path | None, typer.Option(help="A stage graph (ONNX file) instead of models.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Builds at a time  [default: as many as cores and free memory allow]"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also what is too far from FP32; the manifest says so.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Build engines, several at a time. What is built already is not built again."""
    from trt_anime.engines.batch import Order
    from trt_anime.engines.targets import targets_from_names

    profile = _profile(size, max_batch)
    kinds = list(product(_precisions(precision), targets_from_names(gpu)))
    found = sources(models or [], everything=everything, graph=graph)
    orders = [
        Order(source.title, source.graph, target, wanted, taken)
        for source in found
        if source.graph
        for taken in [profile if graph else _taken(source.title, source.graph, profile)]
        for wanted, target in kinds
    ]
    alone = len(found) == 1 and len(orders) <= 1  # then its error is the command's
    rows = _rows_without_graph(found, kinds, aloud=not alone)
    rows += map(row_from_outcome, _built(orders, workers, force=force, aloud=not alone))
    if as_json:
        print(summary_json(rows))
    elif any(row.entry for row in rows):
        print(summary_table(rows))
    if "native" in gpu.lower() and any(row.is_unproved for row in rows):
        note = "`trt-anime engines verify --frames CLIP` runs them on this GPU, and proves or removes them"
        print(f"note: {note}", file=sys.stderr)
    if errors := [row.error for row in rows if row.error]:
        raise errors[0] if alone else _failure(errors, len(rows)) from errors[0]


def _built(orders: "list[Order]", workers: int | None, *, force: bool, aloud: bool) -> "list[Outcome]":
    from trt_anime.engines.batch import engines_from_orders

    if not orders:
        return []
    reason = ""
    if workers is None:
        workers, reason = workers_for(orders)
    with board() as shown:
        if reason:
            shown.say(f"note: {reason}")
        watch = Watch(shown, len(orders), aloud=aloud)
        try:
            return engines_from_orders(
                orders,
                workers=workers,
                force=force,
                on_progress=watch.on_progress,
                on_done=watch.on_done,
            )
        except KeyboardInterrupt:
            watch.close()
            shown.say(
                f"interrupted: {watch.ready} of {len(orders)} engines are finished and kept; "
                "the same command goes on with the others"
            )
            raise typer.Exit(130) from None


def _rows_without_graph(found: list[Source], kinds: "Kinds", *, aloud: bool) -> list[Row]:
    lost = [source for source in found if source.error]
    for source in lost:
        if aloud:
            print(f"error: {source.title}: {source.error}", file=sys.stderr)
    return [
        Row(source.title, precision, target.name, error=source.error)
        for source in lost
        for precision, target in kinds
    ]


def _failure(errors: list[Exception], total: int) -> TrtAnimeError:
    """The error for several, told already; of their kind if nothing came out for one kind of reason."""
    codes = {getattr(error, "exit_code", 1) for error in errors}
    kind: type[TrtAnimeError] = EngineError
    if len(errors) == total and len(codes) == 1:
        kind = {2: InputError, 3: MissingError}.get(codes.pop(), EngineError)
    lost, reasons = ("was", "reason") if len(errors) == 1 else ("were", "reasons")
    return kind(f"{len(errors)} of {total} engines {lost} not built, {reasons} above")


def _precisions(text: str) -> "tuple[Precision, ...]":
    from trt_anime.engines.manifest import Precision

    names: dict[str, Precision] = {name: name for name in get_args(Precision)}
    wanted = [word.strip().lower() for word in text.split(",")]
    for word in wanted:
        if word not in names:
            raise InputError(f"--precision {word!r}: not one of {', '.join(names)}")
    return tuple(dict.fromkeys(names[word] for word in wanted))


def profile_for(graph: Path, asked: "Profile") -> "Profile":
    """What is asked for, in a graph's own size of frames where it takes but one: that serves all clips."""
    from trt_anime.runtime.sessions.onnx_file import own_size

    size = (asked.height, asked.width)
    own = own_size(graph, size) if all(size) else None
    return replace(asked, height=own[0], width=own[1]) if own else asked


def _taken(title: str, graph: Path, asked: "Profile") -> "Profile":
    taken = profile_for(graph, asked)
    if taken != asked:
        print(
            f"note: {title}: takes frames of {taken.frame} alone, and is built for these", file=sys.stderr
        )
    return taken


def _profile(size: str | None, max_batch: int) -> "Profile":
    from trt_anime.engines.manifest import Profile

    if size is None:
        return Profile(height=0, width=0, max_batch=max_batch)
    numbers = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", size.strip().lower())
    if not numbers:
        raise InputError(f"--size {size!r}: not a frame size, width x height, such as 1920x1080")
    return Profile(height=int(numbers[2]), width=int(numbers[1]), max_batch=max_batch)
