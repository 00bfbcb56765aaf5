"""`trt-anime calibrate`: stage graphs into typed graphs, on the user's own frames."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trt_anime.errors import EngineError, InputError, MissingError, TrtAnimeError

if TYPE_CHECKING:
    from trt_anime.cli.calibrate.work import Work
    from trt_anime.cli.engines.sources import Source
    from trt_anime.typed import Form, TypedGraph

    Kinds = list[tuple[str, Form]]


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

_KINDS_OF_ERRORS: dict[int, type[TrtAnimeError]] = {2: InputError, 3: MissingError}


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

    kinds = _kinds(precision)
    if not frames:
        raise InputError("--frames: name a clip or a folder of frames like those that you will process")
    found = sources(models or [], everything=False, graph=graph)
    before = {source.graph: source.before for source in found if source.graph}
    work = Work(
        frames, before=before, seed=seed, method=method.value if method else None, again=again, say=_say
    )
    tally = _Tally(len(found) * len(kinds))
    try:
        for source in found:
            _calibrate(work, source, kinds, tally)
    except KeyboardInterrupt:
        _say(
            f"interrupted: {tally.ended} of {tally.total} calibrations have ended, their graphs are kept;"
            " the same command goes on with the others"
        )
        raise typer.Exit(130) from None
    if error := tally.error():
        raise error


def _calibrate(work: "Work", source: "Source", kinds: "Kinds", tally: "_Tally") -> None:
    """One model in each precision; what fails stops none of the others."""
    try:
        if source.graph is None:
            raise source.error or MissingError(f"{source.title}: has no stage graph")
        work.prepare(source.graph, kinds)
    except TrtAnimeError as error:  # wrong for every precision alike
        tally.failed(error, source.title, count=len(kinds))
        return
    for kind, form in kinds:
        title = f"{source.title} {kind} for {form}"
        try:
            typed = work.typed(source.graph, kind, form)
            print(_summary(title, typed), flush=True)
            if not typed.record.parity.passed:
                raise _failure(typed)
            tally.ended += 1
        except TrtAnimeError as error:
            tally.failed(error, title)


class _Tally:
    """What became of all that was asked for.

    Attributes:
        ended: how many are through, well or not.
    """

    def __init__(self, total: int) -> None:
        self.total, self.ended = total, 0
        self._failed = 0
        self._errors: list[TrtAnimeError] = []

    def failed(self, error: TrtAnimeError, title: str, *, count: int = 1) -> None:
        """`count` of them failed for this reason; it is told at once, unless it is the command's."""
        self.ended += count
        self._failed += count
        self._errors.append(error)
        if count < self.total:
            print(f"error: {title}: {error}", file=sys.stderr, flush=True)

    def error(self) -> TrtAnimeError | None:
        """The command's: the only one there was, or one that sums up, of their kind if they are of one."""
        if len(self._errors) == 1 and self._failed == self.total:
            return self._errors[0]
        codes = {error.exit_code for error in self._errors}
        if not codes:
            return None
        kind = _KINDS_OF_ERRORS.get(codes.pop(), EngineError) if len(codes) == 1 else EngineError
        reasons = "reason" if self._failed == 1 else "reasons"
        return kind(f"{self._failed} of {self.total} calibrations failed, {reasons} above")


def _kinds(text: str) -> "Kinds":
    """Precisions with the forms that each is written in; FP16 first: INT8 keeps its islands."""
    wanted = {word.strip().lower() for word in text.split(",")}
    if unknown := sorted(wanted - _FORMS.keys()):
        raise InputError(f"--precision {unknown[0]!r}: not one of {', '.join(_FORMS)}")
    return [(kind, form) for kind, forms in _FORMS.items() if kind in wanted for form in forms]


def _say(sentence: str) -> None:
    print(f"note: {sentence}", file=sys.stderr, flush=True)


def _summary(title: str, typed: "TypedGraph") -> str:
    from trt_anime.cli.engines.summary import parity_words

    record = typed.record
    speed = record.fastest
    faster = f"; {speed.ratio:.2f} times as fast with {speed.provider}" if speed else ""
    count = len(record.kept)
    kept = f"{count or 'no'} node{'' if count == 1 else 's'} in higher precision"
    use = "in use" if record.in_use else "not in use"
    return (
        f"{title}: {parity_words(record.parity)}; {kept}{faster}\n  {use}: {record.why}\n  {typed.folder}"
    )


def _failure(typed: "TypedGraph") -> EngineError:
    return EngineError(
        f"too far from FP32 ({typed.record.parity.shortfall}); look at {typed.picture}, and use another"
        " precision, or calibrate on more frames like yours"
    )
