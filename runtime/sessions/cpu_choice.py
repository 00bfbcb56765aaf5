"""Which graph and which library run a stage on the CPU: FP32, or INT8 where it was calibrated and pays."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from trt_anime import typed
from trt_anime.errors import EngineError, MissingError
from trt_anime.files import sha256_of
from trt_anime.typed import Record, TypedGraph

# What `--provider auto` is on a CPU without a measurement that says otherwise.
_USUAL = "onnxruntime"


@dataclass(frozen=True)
class Choice:
    """What to run, by which provider, and sentences for the user."""

    graph: Path
    provider: str
    notices: list[str]


def choice_for(stage: str, graph: Path, *, provider: str, precision: str | None) -> Choice:
    """The graph in this precision; None takes INT8 if it is calibrated and was measured to pay.

    Args:
        stage: its number, for the sentences.
        provider: ``auto`` takes the one that was measured to be fastest, if it is installed.

    Raises:
        MissingError: INT8 was asked for and isn't calibrated.
        EngineError: INT8 was asked for and is too far from FP32.
    """
    if precision not in (None, "int8"):
        return Choice(graph, _of_auto(provider, _USUAL), [])
    found = typed.find(sha256_of(graph), precision="int8", form="cpu")
    if precision == "int8":
        found = _required(graph, found)
    elif found is None or not found.record.in_use:
        return Choice(graph, _of_auto(provider, _USUAL), [])
    record = found.record
    notices = [] if precision else [f"stage {stage} runs in int8: {record.why}; --precision fp32 for FP32"]
    wanted = record.fastest.provider if record.fastest else _USUAL
    if provider == "auto" and importlib.util.find_spec(wanted) is None:
        notices.append(f"stage {stage}: {_not_installed(record, wanted)}")
        wanted = _USUAL
    return Choice(found.graph, _of_auto(provider, wanted), notices)


def _of_auto(provider: str, otherwise: str) -> str:
    return otherwise if provider == "auto" else provider


def _required(graph: Path, found: TypedGraph | None) -> TypedGraph:
    again = f"`trt-anime calibrate --graph {graph} --frames CLIP --precision int8`"
    if found is None:
        raise MissingError(f"--precision int8: {graph.name} is not calibrated; run {again}")
    if not found.record.parity.passed:
        raise EngineError(
            f"--precision int8: {found.graph} is too far from FP32 (see {found.picture}); run {again} with"
            " other frames, or leave --precision out"
        )
    return found


def _not_installed(record: Record, wanted: str) -> str:
    speed = next(speed for speed in record.speeds if speed.provider == wanted)
    return (
        f"{wanted}, with which it is {speed.ratio:.2f} times as fast as FP32, is not installed; it needs"
        f" `pip install 'trt-anime[{wanted}]'`"
    )
