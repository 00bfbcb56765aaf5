"""What networks lack that nobody trained: results that are decided.

A trained network is sure of nearly every pixel. One of random weights ends in values around 0, where the
last bit of a number decides on which side of a threshold a pixel is: nothing can be told by its masks.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

# Of the logits on an example: few pixels are near 0, and one in fifteen is on its other side.
MEAN, DEVIATION = 9.0, 6.0


def decide(layers: Sequence[Any], logits: "Tensor", *, mean: float = MEAN, slope: float = 1.0) -> None:
    """Give logits that end in these layers that mean, and `DEVIATION`; changes the layers' weights.

    Args:
        layers: with `weight` and `bias`; the logits are linear in them.
        logits: as they are.
        slope: what the logits gain on average when 1 is added to the biases.
    """
    factor = DEVIATION / float(logits.std())
    shift = (mean - float(logits.mean()) * factor) / slope
    for layer in layers:
        layer.weight.data *= factor
        layer.bias.data *= factor
        layer.bias.data += shift
