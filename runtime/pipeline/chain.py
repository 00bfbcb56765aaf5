"""The stages of a run with all their shapes: who reads what, and who can run beside whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from trt_anime.errors import InputError
from trt_anime.runtime.devices.api import Shape
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.stages import Stage

FRAME = "frame"


@dataclass(frozen=True)
class Value:
    """A tensor that stages exchange: the frame, or one output of a stage."""

    shape: Shape
    dtype: np.dtype[Any]

    @property
    def size_bytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Node:
    """A stage and what runs it."""

    stage: Stage
    session: Session

    @property
    def number(self) -> str:
        return self.stage.number

    def needs(self) -> set[str]:
        """Numbers of the stages that it reads from."""
        return {source.partition(".")[0] for source in self.stage.inputs.values()} - {FRAME}


@dataclass(frozen=True)
class Chain:
    """Stages in an order that has every stage after those it reads from.

    Attributes:
        values: by name, ``frame`` or such as ``2a.rgba``, at a full batch.
    """

    nodes: tuple[Node, ...]
    values: Mapping[str, Value]

    @property
    def batch(self) -> int:
        return self.values[FRAME].shape[0]

    @cached_property
    def results(self) -> dict[str, str]:
        """Layer name -> the value that holds it."""
        return {
            layer.name: f"{node.number}.{layer.binding}"
            for node in self.nodes
            for layer in node.stage.layers
        }

    @cached_property
    def branches(self) -> dict[str, int]:
        """Stage number -> the stream it belongs on; stages on different streams may run at once.

        A stage follows on the stream of a stage it reads from, if it is the first to do so.
        """
        last: list[str] = []
        place: dict[str, int] = {}
        for node in self.nodes:
            free = [index for index, number in enumerate(last) if number in node.needs()]
            index = free[0] if free else len(last)
            last[index : index + 1] = [node.number]
            place[node.number] = index
        return place

    def inputs(self, node: Node, rows: int | None = None) -> dict[str, Shape]:
        """Shapes of a stage's inputs; `rows` frames instead of a full batch."""
        shapes = {name: self.values[source].shape for name, source in node.stage.inputs.items()}
        return {name: (rows or shape[0], *shape[1:]) for name, shape in shapes.items()}

    def takes(self, rows: int) -> bool:
        """Whether every stage can run on so few frames."""
        try:
            for node in self.nodes:
                node.session.shapes(self.inputs(node, rows))
        except InputError:
            return False
        return True


def chain_of(nodes: Sequence[Node], *, batch: int, height: int, width: int) -> Chain:
    """Work out every shape.

    Args:
        nodes: in any order.

    Raises:
        InputError: a stage reads from one that isn't among them, or takes other shapes.
    """
    values = {FRAME: Value((batch, height, width, 3), np.dtype(np.uint8))}
    ordered = _ordered(nodes)
    for node in ordered:
        inputs = {name: values[source].shape for name, source in node.stage.inputs.items()}
        shapes = node.session.shapes(inputs)
        for binding in node.session.outputs:
            values[f"{node.number}.{binding.name}"] = Value(shapes[binding.name], binding.dtype)
    return Chain(tuple(ordered), values)


def _ordered(nodes: Sequence[Node]) -> list[Node]:
    given = {node.number for node in nodes}
    for node in nodes:
        if missing := node.needs() - given:
            raise InputError(f"stage {node.number} reads from stage {min(missing)}; add it to --stages")
    ordered: list[Node] = []
    while len(ordered) < len(nodes):
        done = {node.number for node in ordered}
        ordered += [node for node in nodes if node.number not in done and node.needs() <= done]
    return ordered
