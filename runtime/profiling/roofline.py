"""How far from the machine's limits: operations and bytes of each part against measured ceilings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trt_anime.runtime.operations import is_product
from trt_anime.runtime.profiling.ceilings import GPU, Ceiling
from trt_anime.runtime.profiling.layers import Layer

_LEAST_SHARE = 0.01  # of a stage's time; smaller layers are dots on dots
_MOST_LAYERS = 60


@dataclass(frozen=True)
class Whole:
    """A stage on a GPU, whose library runs many operators as one and tells the operations of none.

    Attributes:
        ms: of one run.
        operations, bytes: of its graph; bytes of the engine's layers where these are told.
        precision: such as ``fp16``.
    """

    stage: str
    ms: float
    operations: float
    bytes: float
    precision: str


def roofline(
    layers: Mapping[str, Sequence[Layer]],
    ceilings: Sequence[Ceiling],
    threads: int,
    wholes: Sequence[Whole] = (),
) -> dict[str, Any]:
    """Roofs for `threads`, and points: each stage or network, and of the first its parts and larger layers.

    `reached` is the share of what the roof over a point allows. Products of whole numbers are held against
    the rate of INT8, all else against that of FP32, in which ONNX Runtime computes on a CPU; a point with
    both, against what their shares allow together.

    Args:
        threads: of one run; 0: the GPU's roofs.
        wholes: stages on a GPU, in place of `layers`, which the CPU ran or whose operations nobody tells.
    """
    roofs = [
        {"name": f"{one.name} {one.precision}".strip(), "unit": one.unit, "rate": one.rate}
        for one in ceilings
        if one.threads == threads and one.name in ("copy", "matmul", "conv")
    ]
    sums = [_whole(one) for one in wholes] if threads == GPU else []
    if threads != GPU:
        first = next(iter(layers), "")
        sums += [
            _summed(name, level, some)
            for stage, found in layers.items()
            for name, level, some in _groups(stage, found)
            if level == "stage" or stage == first
        ]
    points = [point for one in sums if (point := _point(one, roofs)) is not None]
    return {"threads": threads, "roofs": roofs, "points": points}


def _groups(stage: str, layers: Sequence[Layer]) -> list[tuple[str, str, list[Layer]]]:
    total = sum(layer.ms for layer in layers)
    groups = [(f"stage {stage}", "stage", list(layers))]
    for part in dict.fromkeys(layer.part for layer in layers):
        groups.append((f"{stage} {part}", "part", [layer for layer in layers if layer.part == part]))
    large = sorted(layers, key=lambda layer: -layer.ms)[:_MOST_LAYERS]
    return groups + [(layer.name, "layer", [layer]) for layer in large if layer.ms >= total * _LEAST_SHARE]


@dataclass(frozen=True)
class _Sum:
    """Attributes: operations by precision."""

    name: str
    level: str
    seconds: float
    operations: Mapping[str, float]
    bytes: float


def _whole(one: Whole) -> _Sum:
    return _Sum(f"stage {one.stage}", "stage", one.ms / 1000, {one.precision: one.operations}, one.bytes)


def _summed(name: str, level: str, layers: Sequence[Layer]) -> _Sum:
    operations: Counter[str] = Counter()
    for layer in layers:
        operations[_precision(layer)] += layer.operations or 0
    seconds = sum(layer.ms for layer in layers) / 1000
    return _Sum(name, level, seconds, operations, sum(layer.bytes or 0 for layer in layers))


def _precision(layer: Layer) -> str:
    """That a layer computes in on the CPU, by what comes in."""
    whole = any(words.startswith(("int8", "uint8")) for words in layer.inputs)
    return "int8" if whole and is_product(layer.kind) else "fp32"


def _point(one: _Sum, roofs: Sequence[Any]) -> dict[str, Any] | None:
    operations = sum(one.operations.values())
    if not (one.seconds and operations and one.bytes):
        return None
    intensity, rate = operations / one.bytes, operations / one.seconds
    memory = max((float(roof["rate"]) for roof in roofs if roof["unit"] == "bytes/s"), default=0.0)
    limit = min(intensity * memory, _mixed_rate(one.operations, roofs) or intensity * memory)
    return {
        "name": one.name,
        "level": one.level,
        "precision": max(one.operations, key=lambda name: one.operations[name]),
        "ms": round(one.seconds * 1000, 4),
        "operations": round(operations),
        "bytes": round(one.bytes),
        "intensity": round(intensity, 4),
        "rate": round(rate),
        "reached": round(rate / limit, 4) if limit else None,
    }


def _mixed_rate(operations: Mapping[str, float], roofs: Sequence[Any]) -> float:
    """Of all one after the other, each at its own precision's rate; 0 where one of these is not known."""
    rates = {name: _product_rate(name, roofs) for name, count in operations.items() if count}
    if not all(rates.values()):
        return 0.0
    return sum(operations.values()) / sum(operations[name] / rate for name, rate in rates.items())


def _product_rate(precision: str, roofs: Sequence[Any]) -> float:
    """Of the precision's own products; 0 where nobody measured these."""
    return max(
        (
            float(roof["rate"])
            for roof in roofs
            if roof["unit"] == "operations/s" and roof["name"].endswith(precision)
        ),
        default=0.0,
    )
