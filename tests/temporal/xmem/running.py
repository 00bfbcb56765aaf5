"""One graph on arrays."""

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def ran(graph: onnx.ModelProto, inputs: Arrays) -> Arrays:
    """Outputs by name, with ONNX Runtime."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results: Any = session.run(names, inputs)
    return dict(zip(names, results, strict=True))


def largest(found: NDArray[Any], expected: Any) -> float:
    assert found.shape == tuple(expected.shape)
    return float(np.abs(found.astype(np.float64) - np.asarray(expected, np.float64)).max())
