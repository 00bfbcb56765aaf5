"""`trt-anime calibrate`: stage graphs into typed graphs, on the user's own frames."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trt_anime.errors import EngineError, InputError, MissingError, TrtAnimeError

if TYPE_CHECKING:
    from trt_anime.typed import Form, TypedGraph


class RangeMethod(StrEnum):
    """How ranges are read out of what the frames show."""

    MINMAX = "minmax"
    PERCENTILE = "percentile"
    ENTROPY = "entropy"


# Precision -> for what it is written. CPUs have no FP16 and no FP8 arithmetic worth having.
_FORMS: dict[str, tuple["Form", ...]] = {
    "fp16": ("tensorrt",),
    "int8": ("cpu", "tensorrt"),
    "fp8": ("tensorrt",),
}


def calibrate(
    models: Annotated[list[str] | None, typer.Argument(metavar="MODELS", help="Such as u2netp.")] = None,
    frames: Annotated[
        list[Path] | None,
        typer.Option(help="Clip or folder of frames like those to be processed; may be given again."),
    ] = None,
    precision: Annotated[str, typer.Option(help="fp16, int8, fp8; several comma-separated.")] = "fp16,int8",
    method: Annotated[
        RangeMethod | None, typer.Option(help="How INT8 and FP8 find ranges  [default: what errs least]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw of frames.")] = 0,
    graph: Annotated[Path | None, typer.Option(help="A stage graph (ONNX file) instead of models.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Also what is calibrated already.")] = False,
) -> None:
    """Type stage graphs to lower precisions, measured against FP32 on your own frames."""
    from trt_anime.cli.calibrate.work import Work
    from trt_anime.cli.engines.sources import sources

    wanted = _precisions(precision)
    if not frames:
        raise InputError("--frames: name a clip or a folder of frames like those that you will process")
    work = Work(frames, seed=seed, method=method.value if method else None, again=again, say=_say)
    failed: list[TrtAnimeError] = []
    for source in sources(models or [], everything=False, graph=graph):
        if source.error or source.graph is None:
            failed.append(source.error or MissingError(f"{source.model}: has no stage graph"))
            print(f"error: {failed[-1]}", file=sys.stderr)
            continue
        for kind in wanted:
            for form in _FORMS[kind]:
                try:
                    typed = work.typed(source.graph, kind, form)
                    print(_summary(typed), flush=True)
                    if not typed.record.parity.passed:
                        failed.append(_failure(typed))
                except TrtAnimeError as error:
                    failed.append(error)
                    print(f"error: {source.model} {kind} ({form}): {error}", file=sys.stderr)
    if failed:
        raise _end(failed)


def _precisions(text: str) -> list[str]:
    wanted = list(dict.fromkeys(word.strip().lower() for word in text.split(",")))
    for word in wanted:
        if word not in _FORMS:
            raise InputError(f"--precision {word!r}: not one of {', '.join(_FORMS)}")
    return sorted(wanted, key=list(_FORMS).index)  # INT8 for TensorRT keeps the islands that FP16 finds


def _say(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr, flush=True)


def _summary(typed: "TypedGraph") -> str:
    from trt_anime.cli.engines.summary import parity_words

    record = typed.record
    speed = record.fastest
    faster = f"; {speed.ratio:.2f} times as fast with {speed.provider}" if speed else ""
    kept = f"{len(record.kept)} nodes in higher precision" if record.kept else "no node in higher precision"
    return (
        f"{record.model} {record.precision} for {record.form}: {parity_words(record.parity)}; {kept}{faster}"
        f"\n  {'in use' if record.in_use else 'not in use'}: {record.why}\n  {typed.folder}"
    )


def _failure(typed: "TypedGraph") -> EngineError:
    record = typed.record
    words = ", ".join(
        f"{m.name} {m.value:.3g} where {m.limit:g} is allowed" for m in record.parity.failures
    )
    return EngineError(
        f"{record.model} {record.precision} for {record.form}: too far from FP32 ({words}); look at"
        f" {typed.picture}, and use another precision, or calibrate on more frames like yours"
    )


def _end(failed: list[TrtAnimeError]) -> TrtAnimeError:
    if len(failed) == 1:
        return failed[0]
    return EngineError(f"{len(failed)} calibrations failed; the first: {failed[0]}")
