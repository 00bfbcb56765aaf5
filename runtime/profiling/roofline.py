"""How far from the machine's limits: operations and bytes of each part against measured ceilings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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

    `reached` is the share of what the roof over a point allows.

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
    name: str
    level: str
    seconds: float
    operations: float
    bytes: float
    precision: str = "fp32"


def _whole(one: Whole) -> _Sum:
    return _Sum(f"stage {one.stage}", "stage", one.ms / 1000, one.operations, one.bytes, one.precision)


def _summed(name: str, level: str, layers: Sequence[Layer]) -> _Sum:
    return _Sum(
        name,
        level,
        sum(layer.ms for layer in layers) / 1000,
        sum(layer.operations or 0 for layer in layers),
        sum(layer.bytes or 0 for layer in layers),
    )


def _point(one: _Sum, roofs: Sequence[Any]) -> dict[str, Any] | None:
    if not (one.seconds and one.operations and one.bytes):
        return None
    intensity, rate = one.operations / one.bytes, one.operations / one.seconds
    memory = max((float(roof["rate"]) for roof in roofs if roof["unit"] == "bytes/s"), default=0.0)
    limit = min(intensity * memory, _product_rate(one.precision, roofs) or intensity * memory)
    return {
        "name": one.name,
        "level": one.level,
        "ms": round(one.seconds * 1000, 4),
        "operations": round(one.operations),
        "bytes": round(one.bytes),
        "intensity": round(intensity, 4),
        "rate": round(rate),
        "reached": round(rate / limit, 4) if limit else None,
    }


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
