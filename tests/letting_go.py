"""An export holds a network, or a session of the graph that was made of it: never both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from weakref import ref

import onnxruntime
from torch import nn


@contextmanager
def no_network_beside_sessions() -> Iterator[None]:
    """Fails when ONNX Runtime opens a graph while a network that was made meanwhile is in memory."""
    made: list[ref[nn.Module] | ref[nn.Parameter]] = []
    register, session = nn.Module.register_parameter, onnxruntime.InferenceSession
    opened = []

    def registered(module: nn.Module, name: str, weight: nn.Parameter | None) -> None:
        made.append(ref(module))
        if weight is not None:
            made.append(ref(weight))
        register(module, name, weight)

    def open_session(*given: Any, **named: Any) -> onnxruntime.InferenceSession:
        opened.append({type(one).__name__ for one in (held() for held in made) if one is not None})
        return session(*given, **named)

    with (
        mock.patch.object(nn.Module, "register_parameter", registered),
        mock.patch.object(onnxruntime, "InferenceSession", open_session),
    ):
        yield
    assert opened, "nothing was compared"
    assert not any(opened), f"still in memory when a graph was opened: {set().union(*opened)}"
