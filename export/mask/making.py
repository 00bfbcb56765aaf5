"""From a checkpoint to the two graphs: what `graphs` calls for this stage."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.export.catalogue import Model
from trt_anime.export.checkpoints import Record
from trt_anime.export.recipes.mask import Masking

if TYPE_CHECKING:
    from trt_anime.export.check import Made


def settings(row: Model) -> dict[str, object]:
    """All that the graphs depend on besides the checkpoint and this release."""
    return {"recipe": asdict(row.recipe_as(Masking))}


def graphs_of(row: Model, checkpoint: Path, record: Record, *, compare: bool) -> "Iterator[Made]":
    """``image``, then ``mask``; see `graphs.Maker`."""
    from trt_anime.export.networks import refuse_onnx, require_torch

    refuse_onnx(row, checkpoint)
    require_torch()
    from trt_anime.export.check import Made, check_nodes
    from trt_anime.export.mask.check import comparisons_of
    from trt_anime.export.mask.compose import image_graph, mask_graph
    from trt_anime.export.mask.networks import onnx_of_decoder, onnx_of_encoder, without_weights
    from trt_anime.export.mask.published import networks_from_checkpoint

    networks = networks_from_checkpoint(row, checkpoint)
    compared = comparisons_of(networks, row) if compare else {}
    origin = {"checkpoint_sha256": record.sha256, "licence": record.licence}

    encoder, decoder = onnx_of_encoder(networks), onnx_of_decoder(networks)
    networks = without_weights(networks)
    graph = image_graph(encoder, networks, row, **origin)
    del encoder
    check_nodes(graph, row)
    yield Made(graph, compared.get("image"))
    graph = mask_graph(decoder, networks, row, **origin)
    check_nodes(graph, row)
    yield Made(graph, compared.get("mask"))
