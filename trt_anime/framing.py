"""For which frames a graph is: of any size, of one that is written into it, or none at all."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trt_anime.stage import SIZE

if TYPE_CHECKING:
    import onnx

_FREE = {"height", "width"}
_UINT8 = 2  # onnx.TensorProto.UINT8
# What is of the frame's size where it is uint8: as [batch, height, width, 3], or with the two last.
_PICTURES = {"frame", "hole", "drawn", "mask", "labels", "merged", "matte"}
_COLOURS = 3


@dataclass(frozen=True)
class Framing:
    """The frames that a graph is for.

    Attributes:
        is_free: it takes frames of any size, and an engine of it takes one.
        size: (height, width) in pixels of the only frames that it takes. None where it is free, and where
            it sees no frames, such as a text encoder: an engine of it serves frames of every size.
    """

    is_free: bool
    size: tuple[int, int] | None = None


def framing_of(graph: "onnx.GraphProto") -> Framing:
    """Read it off the inputs and outputs of a stage graph."""
    values = [*graph.input, *graph.output]
    names = {size.dim_param for value in values for size in value.type.tensor_type.shape.dim}
    if names & _FREE or any(value.name == SIZE for value in graph.input):
        return Framing(is_free=True)
    for value in values:
        tensor = value.type.tensor_type
        if value.name in _PICTURES and tensor.elem_type == _UINT8:
            sizes = [size.dim_value for size in tensor.shape.dim]
            sizes = sizes[:-1] if sizes[-1] == _COLOURS else sizes
            return Framing(is_free=False, size=(sizes[-2], sizes[-1]))
    return Framing(is_free=False)
