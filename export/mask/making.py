"""From a checkpoint to the two graphs: what `graphs` calls for this stage."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.export.catalogue import Model
from trt_anime.export.checkpoints import Record
from trt_anime.export.recipes.mask import Masking

if TYPE_CHECKING:
    import onnx

    from trt_anime.export.check import Made
    from trt_anime.export.mask.networks import MaskNetworks


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
    from trt_anime.export.mask.networks import onnx_of_decoder, onnx_of_encoder
    from trt_anime.export.mask.published import networks_from_checkpoint

    compared = comparisons_of(networks_from_checkpoint(row, checkpoint), row) if compare else {}
    origin = {"checkpoint_sha256": record.sha256, "licence": record.licence}

    encoder, networks = _exported(row, checkpoint, onnx_of_encoder)
    graph = image_graph(encoder, networks, row, **origin)
    del encoder
    check_nodes(graph, row)
    yield Made(graph, compared.get("image"))
    decoder, networks = _exported(row, checkpoint, onnx_of_decoder)
    graph = mask_graph(decoder, networks, row, **origin)
    check_nodes(graph, row)
    yield Made(graph, compared.get("mask"))


def _exported(
    row: Model, checkpoint: Path, make: "Callable[[MaskNetworks], onnx.ModelProto]"
) -> "tuple[onnx.ModelProto, MaskNetworks]":
    """A part of the network, and what is said of all of them.

    The checkpoint is opened for each anew: it is mapped as a whole, and what was looked at stays in memory
    as long as anything of it is used.
    """
    from trt_anime.export.check import let_go
    from trt_anime.export.mask.networks import without_weights
    from trt_anime.export.mask.published import networks_from_checkpoint

    networks = networks_from_checkpoint(row, checkpoint)
    graph, networks = make(networks), without_weights(networks)
    let_go()
    return graph, networks
