"""Which graph and which library run a stage on the CPU: FP32, or INT8 where it was calibrated and pays."""

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path

from trt_anime import typed
from trt_anime.errors import EngineError, MissingError
from trt_anime.files import sha256_of
from trt_anime.typed import Record, Speed, TypedGraph

# What `--provider auto` is on a CPU without a measurement that says otherwise.
_USUAL = "onnxruntime"
# Provider, which is also its module's name -> the extra that brings it.
_EXTRAS = {"onnxruntime": "cpu", "openvino": "openvino"}


@dataclass(frozen=True)
class Choice:
    """What to run, by which provider, and sentences for the user."""

    graph: Path
    provider: str
    notices: list[str]


def choice_for(stage: str, graph: Path, *, provider: str, precision: str | None) -> Choice:
    """The graph in this precision; None takes INT8 if it is calibrated and was measured to pay.

    For FP16 and FP8, which CPUs haven't, it is FP32: the caller compares what it asked for.

    Args:
        stage: its number, for the sentences.
        graph: the stage graph's file; one that can't be read is chosen as it is, and its session says why.
        provider: ``auto`` takes the one that was measured to be fastest, of those that are installed.

    Raises:
        MissingError: INT8 was asked for and isn't calibrated.
        EngineError: INT8 was asked for and is too far from FP32.
    """
    as_it_is = Choice(graph, _USUAL if provider == "auto" else provider, [])
    if precision not in (None, "int8"):
        return as_it_is
    try:
        found = typed.find(sha256_of(graph), precision="int8", form="cpu")
    except OSError:
        return as_it_is
    if precision == "int8":
        return _asked(stage, graph, found, provider)
    if found is None or not found.record.in_use:
        return as_it_is
    return _by_itself(stage, found, provider, as_it_is)


def _asked(stage: str, graph: Path, found: TypedGraph | None, provider: str) -> Choice:
    """INT8, also where it doesn't pay."""
    again = f"`trt-anime calibrate --graph {graph} --frames CLIP --precision int8`"
    if found is None:
        raise MissingError(f"--precision int8: no whole int8 graph of {graph.name} is here; run {again}")
    if not found.record.parity.passed:
        raise EngineError(
            f"--precision int8: {found.graph} is too far from FP32 ({found.record.parity.shortfall}); look"
            f" at {found.picture}, run {again} with other frames, or leave --precision out"
        )
    best = _fastest(found.record, provider)
    usual = _USUAL if provider == "auto" else provider
    return Choice(found.graph, best.provider if best else usual, _lacks(stage, found.record, provider))


def _by_itself(stage: str, found: TypedGraph, provider: str, otherwise: Choice) -> Choice:
    """INT8 if it pays with what may be used here."""
    record = found.record
    best, lacks = _fastest(record, provider), _lacks(stage, record, provider)
    if best is None or best.low <= 1:
        return replace(otherwise, notices=lacks)
    words = f"stage {stage} runs in int8: near enough to FP32, and {best.words}; --precision fp32 for FP32"
    return Choice(found.graph, best.provider, [words, *lacks])


def _fastest(record: Record, provider: str) -> Speed | None:
    """Of the ways that were measured, may be used and are installed."""
    ways = [way for way in record.speeds if provider in ("auto", way.provider) and _is_here(way)]
    return max(ways, key=lambda way: way.ratio, default=None)


def _lacks(stage: str, record: Record, provider: str) -> list[str]:
    way = record.fastest
    if provider != "auto" or way is None or _is_here(way):
        return []
    return [
        f"stage {stage}: int8 was measured to be {way.words}, which is not installed; it needs"
        f" `pip install 'trt-anime[{_EXTRAS[way.provider]}]'`"
    ]


def _is_here(way: Speed) -> bool:
    return importlib.util.find_spec(way.provider) is not None
