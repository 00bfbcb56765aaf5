"""ONNX Runtime's results as arrays: its own types allow for more kinds, which no graph here gives."""

from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray


def arrays(
    session: ort.InferenceSession, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
) -> list[NDArray[Any]]:
    """The named outputs, or all."""
    found: Any = session.run(outputs, dict(feeds))
    return list(found)
