"""From a checkpoint to the graphs that follow objects: what `graphs` calls for this stage."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.export.catalogue import Model
from trt_anime.export.checkpoints import Record
from trt_anime.export.recipes.temporal import Tracking
from trt_anime.export.temporal.aot_shape import AotShape
from trt_anime.export.temporal.xmem.sizes import MemoryProfile

if TYPE_CHECKING:
    import onnx
    from torch import nn

    from trt_anime.export.check import Comparison, Difference, Graphs, Made

# Of XMem's graphs alone: raise it when their bytes change without a change of their profile.
_XMEM_REVISION = 1


def settings(row: Model) -> dict[str, object]:
    """All that the graphs depend on besides the checkpoint and this release."""
    if row.architecture == "xmem":
        return {"xmem_revision": _XMEM_REVISION, **asdict(_profile(row))}
    return asdict(_shape(row))


def graphs_of(row: Model, checkpoint: Path, record: Record, *, compare: bool) -> "Iterator[Made]":
    """The stage graphs; see `graphs.Maker`. The network alone is compared with PyTorch, part by part."""
    network = _network(row, checkpoint)
    made = _xmem if row.architecture == "xmem" else _aot
    return made(row, network, record, compare)


def _profile(row: Model) -> MemoryProfile:
    size = row.recipe_as(Tracking)
    return MemoryProfile(height=size.height, width=size.width, short_side=size.short_side)


def _shape(row: Model) -> AotShape:
    size = row.recipe_as(Tracking)
    shortest, longest = sorted((size.height, size.width))
    return AotShape(
        height=size.height, width=size.width, longest_side=round(longest * size.short_side / shortest)
    )


def _network(row: Model, checkpoint: Path) -> "nn.Module":
    from trt_anime.export.networks import create, require_torch

    require_torch()
    from trt_anime.export.networks.loading import loaded

    return loaded(lambda: create(row.architecture), checkpoint).eval()


def _xmem(row: Model, network: "nn.Module", record: Record, compare: bool) -> "Iterator[Made]":
    from trt_anime.export.check import Made, check_nodes
    from trt_anime.export.networks.xmem.network import XMem
    from trt_anime.export.temporal.check import comparison_of
    from trt_anime.export.temporal.xmem.compose import xmem_graphs
    from trt_anime.export.temporal.xmem.networks import onnx_from_xmem, parts_of

    assert isinstance(network, XMem)
    compared = {
        part.name: comparison_of(part.name, part.module, part.examples, part.outputs, row)
        for part in (parts_of(network) if compare else ())
    }
    networks = onnx_from_xmem(network)
    graphs = xmem_graphs(networks, _profile(row), checkpoint_sha256=record.sha256, licence=record.licence)
    for name in row.graphs:
        check_nodes(graphs[name], row)
        comparison = compared.get(name)
        alone = partial(_alone, comparison, getattr(networks, name)) if comparison else None
        yield Made(graphs[name], alone)


def _alone(comparison: "Comparison", network: "onnx.ModelProto", graphs: "Graphs") -> "Difference":
    """Of the network that a graph was made of."""
    return comparison({comparison.graph: network})


def _aot(row: Model, network: "nn.Module", record: Record, compare: bool) -> "Iterator[Made]":
    from trt_anime.export.check import Made
    from trt_anime.export.networks.aot.network import ObjectTracker
    from trt_anime.export.temporal.aot_onnx import aot_graphs, steps_of
    from trt_anime.export.temporal.check import comparison_of

    assert isinstance(network, ObjectTracker)
    shape = _shape(row)
    compared = {
        name: comparison_of(name, step.module, step.inputs, step.outputs, row)
        for name, step in (steps_of(network, shape) if compare else {}).items()
    }
    graphs = aot_graphs(
        network, shape, model=row.name, checkpoint_sha256=record.sha256, licence=record.licence
    )
    for name, graph in graphs.items():
        yield Made(graph, compared.get(name))
