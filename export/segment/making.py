"""From a checkpoint to the segment graph: what `graphs` calls for this stage."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.export.catalogue import Model
from trt_anime.export.checkpoints import Record
from trt_anime.export.recipes.segment import Segmentation

if TYPE_CHECKING:
    from trt_anime.export.check import Made


def settings(row: Model) -> dict[str, object]:
    """All that the graph depends on besides the checkpoint and this release."""
    return {"recipe": asdict(row.recipe_as(Segmentation))}


def graphs_of(row: Model, checkpoint: Path, record: Record, *, compare: bool) -> "Iterator[Made]":
    """The one stage graph; see `graphs.Maker`. Raises MissingError without PyTorch and transformers."""
    from trt_anime.export.networks import require_torch
    from trt_anime.export.networks.library import no_random_weights, require_transformers

    require_torch()
    require_transformers()
    from trt_anime.export.check import Made, check_nodes, let_go
    from trt_anime.export.segment.check import comparison_of
    from trt_anime.export.segment.checkpoint import load_weights
    from trt_anime.export.segment.compose import segment_graph
    from trt_anime.export.segment.network import network_for, onnx_from_network
    from trt_anime.export.segment.variants import config_for

    rule = row.recipe_as(Segmentation)
    with no_random_weights():
        network = network_for(config_for(rule))
    load_weights(network, checkpoint)
    compared = comparison_of(row, network) if compare else None
    exported = onnx_from_network(network, rule.network_size, name=row.name)
    del network
    let_go()  # its weights were put aside, and it has the file's in memory
    graph = segment_graph(exported, row, checkpoint_sha256=record.sha256, licence=record.licence)
    check_nodes(graph, row)
    yield Made(graph, compared)
