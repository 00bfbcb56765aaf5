"""Weights of a graph that is built with Spox: an input stands for each until it is built.

Spox infers the types of every node by a small graph of its own. As constants, weights would be in each of
these, and in the built graph, its check and its copy: a gigabyte for LaMa's 200 MB.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from spox import Tensor, Var, argument, build

from trt_anime.export.external import put_aside
from trt_anime.hollow import fill


class StandIns:
    """Weights of one graph, float32, which are asked for when it is built, one after the other."""

    def __init__(self) -> None:
        self._inputs: dict[str, Var] = {}
        self._values: dict[str, Callable[[], NDArray[np.floating]]] = {}

    def weight(self, shape: tuple[int, ...], values: Callable[[], NDArray[np.floating]]) -> Var:
        """What stands for the array of that shape that `values` gives, in any precision."""
        name = f"weight_{len(self._inputs)}"
        self._values[name] = values
        self._inputs[name] = argument(Tensor(np.float32, shape))
        return self._inputs[name]

    def built(self, inputs: Mapping[str, Var], outputs: Mapping[str, Var]) -> onnx.ModelProto:
        """`spox.build`, the weights as initializers whose values are where `weights_aside` says.

        Raises OutputError.
        """
        model = build({**inputs, **self._inputs}, dict(outputs))
        fill(model, put_aside(self._tensors()))
        return model

    def _tensors(self) -> Iterator[onnx.TensorProto]:
        for name, values in self._values.items():
            yield onnx.numpy_helper.from_array(values().astype(np.float32), name)
