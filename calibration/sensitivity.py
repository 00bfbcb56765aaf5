"""Which layers a lower precision hurts: found by measuring, so that they can be kept out of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan

Error = Callable[[Sequence[str]], float]


@dataclass(frozen=True)
class LayerError:
    """What rounding one layer alone does to the network's outputs.

    Attributes:
        layer: name of its node.
        error: sum of absolute differences over the sum of absolute values, of all outputs; 0 is none.
    """

    layer: str
    error: float


def worst_layers(error_of: Error, layers: Sequence[str], *, negligible: float) -> list[LayerError]:
    """The layers that do harm, worst first.

    Groups are halved and measured again; a group that together does no more than `negligible` is not
    looked into, so that a network with few bad layers takes few runs: about 2 log2(n) for each. Every
    layer that is returned was measured alone. Not promised: layers whose errors cancel inside a group.
    """
    found: list[LayerError] = []
    groups = [tuple(layers)] if layers else []
    while groups:
        group = groups.pop()
        error = error_of(group)
        if not error <= negligible:  # NaN is harm, too
            if len(group) == 1:
                found.append(LayerError(group[0], error))
            else:
                middle = len(group) // 2
                groups += [group[:middle], group[middle:]]
    return sorted(found, key=_harm, reverse=True)


def _harm(layer: LayerError) -> tuple[bool, float]:
    return isnan(layer.error), layer.error
