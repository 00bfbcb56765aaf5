"""An export holds a network, or a session of the graph that was made of it: never both."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
from weakref import WeakSet

import onnxruntime
from torch import nn


@contextmanager
def no_network_beside_sessions() -> Iterator[None]:
    """Fails when ONNX Runtime opens a graph while a network that was made meanwhile is in memory."""
    networks: WeakSet[nn.Module] = WeakSet()
    register, session = nn.Module.register_parameter, onnxruntime.InferenceSession
    opened = []

    def registered(module: nn.Module, *given: Any, **named: Any) -> None:
        networks.add(module)
        register(module, *given, **named)

    def open_session(*given: Any, **named: Any) -> onnxruntime.InferenceSession:
        opened.append({type(module).__name__ for module in networks})
        return session(*given, **named)

    with (
        mock.patch.object(nn.Module, "register_parameter", registered),
        mock.patch.object(onnxruntime, "InferenceSession", open_session),
    ):
        yield
    assert opened, "nothing was compared"
    assert not any(opened), f"still in memory when a graph was opened: {set().union(*opened)}"
