"""Do the graphs compute what PyTorch computes?"""

from collections.abc import Mapping

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from trt_anime.export.catalogue import Model
from trt_anime.export.check import (
    Difference,
    Tolerance,
    Values,
    difference_of,
    session_of,
    worst_of,
)

# Another order of operators moves the sixth digit. Attention over noise, whose scores are large, moves the
# fourth: by 9e-4 at most, and by 4e-4 for a percent of AOT's values at full size.
RELATIVE = Tolerance(p99=1e-3, maximum=4e-3, unit="of an output's largest value")


def compare_with_torch(
    graph: onnx.ModelProto, module: nn.Module, like: Mapping[str, Tensor], model: Model
) -> Difference:
    """Run both on seeded noise and return the worst difference of an output.

    Outputs that are whole numbers are labels, between which there are no distances; they are left out.

    Args:
        module: takes the inputs in order.
        like: inputs of the shapes and types that the graph takes, by its names.

    Raises ExportError when they differ by more than the tolerance.
    """
    generator = torch.Generator().manual_seed(7)
    inputs = {name: _noise(tensor, generator) for name, tensor in like.items()}
    with torch.inference_mode():
        expected = module(*inputs.values())
    expected = expected if isinstance(expected, tuple | list) else (expected,)
    found = session_of(graph).run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    results = [
        _difference(np.asarray(one), other.numpy())
        for one, other in zip(found, expected, strict=True)
        if other.is_floating_point()
    ]
    return worst_of(results, model)


def _noise(tensor: Tensor, generator: torch.Generator) -> Tensor:
    if tensor.dtype == torch.uint8:
        # Frames have three channels last; all else in bytes are labels.
        most = 256 if tensor.shape[-1] == 3 else 3
        return torch.randint(0, most, tensor.shape, generator=generator, dtype=torch.uint8)
    if tensor.numel() == 1 or (tensor == 1).all():  # counts, flags and validity
        return tensor
    return torch.randn(tensor.shape, generator=generator)


def _difference(found: Values, expected: Values) -> Difference:
    largest = max(np.abs(expected).max(), np.float32(1e-12))
    return difference_of(found / largest, expected / largest, RELATIVE)
