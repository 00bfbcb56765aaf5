"""How far from the machine's limits: operations and bytes of each part against measured ceilings."""

from collections.abc import Mapping, Sequence
from typing import Any

from trt_anime.runtime.profiling.ceilings import Ceiling
from trt_anime.runtime.profiling.layers import Layer

_LEAST_SHARE = 0.01  # of a stage's time; smaller layers are dots on dots
_MOST_LAYERS = 60


def roofline(
    layers: Mapping[str, Sequence[Layer]], ceilings: Sequence[Ceiling], threads: int
) -> dict[str, Any]:
    """Roofs for `threads`, and points: each stage, its parts, its larger layers.

    `reached` is the share of what the roof over a point allows.
    """
    roofs = [
        {"name": f"{one.name} {one.precision}".strip(), "unit": one.unit, "rate": one.rate}
        for one in ceilings
        if one.threads == threads and one.name != "png"
    ]
    points = [
        point
        for stage, found in layers.items()
        for name, level, some in _groups(stage, found)
        if (point := _point(name, level, some, roofs)) is not None
    ]
    return {"threads": threads, "roofs": roofs, "points": points}


def _groups(stage: str, layers: Sequence[Layer]) -> list[tuple[str, str, list[Layer]]]:
    total = sum(layer.ms for layer in layers)
    groups = [(f"stage {stage}", "stage", list(layers))]
    for part in dict.fromkeys(layer.part for layer in layers):
        groups.append((f"{stage} {part}", "part", [layer for layer in layers if layer.part == part]))
    large = sorted(layers, key=lambda layer: -layer.ms)[:_MOST_LAYERS]
    return groups + [(layer.name, "layer", [layer]) for layer in large if layer.ms >= total * _LEAST_SHARE]


def _point(name: str, level: str, layers: Sequence[Layer], roofs: Sequence[Any]) -> dict[str, Any] | None:
    seconds = sum(layer.ms for layer in layers) / 1000
    operations = sum(layer.operations or 0 for layer in layers)
    moved = sum(layer.bytes or 0 for layer in layers)
    if not (seconds and operations and moved):
        return None
    intensity, rate = operations / moved, operations / seconds
    memory = max((float(roof["rate"]) for roof in roofs if roof["unit"] == "bytes/s"), default=0.0)
    products = [
        float(roof["rate"])
        for roof in roofs
        if roof["unit"] == "operations/s" and "int8" not in roof["name"]
    ]
    limit = min(intensity * memory, max(products, default=intensity * memory))
    return {
        "name": name,
        "level": level,
        "ms": round(seconds * 1000, 4),
        "operations": operations,
        "bytes": moved,
        "intensity": round(intensity, 4),
        "rate": round(rate),
        "reached": round(rate / limit, 4) if limit else None,
    }
