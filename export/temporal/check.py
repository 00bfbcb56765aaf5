"""Do the graphs compute what PyTorch computes?"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from trt_anime.export.catalogue import Model
from trt_anime.export.check import Comparison, Difference, Tolerance, Values, difference_of

# Another order of operators moves the sixth digit. Attention over noise, whose scores are large, moves the
# fourth: by 9e-4 at most, and by 4e-4 for a percent of AOT's values at full size.
RELATIVE = Tolerance(p99=1e-3, maximum=4e-3, unit="of an output's largest value")


def comparison_of(
    graph: str, module: nn.Module, like: Mapping[str, Tensor], outputs: Sequence[str], model: Model
) -> Comparison:
    """Run `module` on seeded noise. Of the difference, the worst output's counts.

    Outputs that are whole numbers are labels, between which there are no distances; they are left out. The
    noise is made anew for the graph: for all graphs of a model at once, it would be large.

    Args:
        module: takes the inputs in order.
        like: inputs of the shapes and types that the graph takes, by its names.
        outputs: their names in the graph, in the module's order.
    """
    with torch.inference_mode():
        found = module(*_inputs(like).values())
    found = found if isinstance(found, tuple | list) else (found,)
    expected = {
        name: tensor.numpy()
        for name, tensor in zip(outputs, found, strict=True)
        if tensor.is_floating_point()
    }
    return Comparison(
        model,
        graph,
        lambda _: {name: tensor.numpy() for name, tensor in _inputs(like).items()},
        expected,
        share_of_largest,
    )


def _inputs(like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    return {name: _noise(tensor, generator) for name, tensor in like.items()}


def _noise(tensor: Tensor, generator: torch.Generator) -> Tensor:
    if tensor.dtype == torch.uint8:
        # Frames have three channels last; all else in bytes are labels.
        most = 256 if tensor.shape[-1] == 3 else 3
        return torch.randint(0, most, tensor.shape, generator=generator, dtype=torch.uint8)
    if tensor.numel() == 1 or (tensor == 1).all():  # counts, flags and validity
        return tensor
    return torch.randn(tensor.shape, generator=generator)


def share_of_largest(found: Values, expected: Values) -> Difference:
    """Compare two outputs in shares of the largest value."""
    largest = max(np.abs(expected).max(), np.float32(1e-12))
    return difference_of(found / largest, expected / largest, RELATIVE)
