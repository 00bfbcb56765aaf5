"""From a checkpoint to the graphs `embed` and `embed_text`: what `graphs` calls for this stage."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime.export.catalogue import Model
from trt_anime.export.checkpoints import Record
from trt_anime.export.recipes.embed import Embedding

if TYPE_CHECKING:
    from trt_anime.export.check import Made


def settings(row: Model) -> dict[str, object]:
    """All that the graphs depend on besides the checkpoint and this release."""
    return {"recipe": asdict(row.recipe_as(Embedding))}


def graphs_of(row: Model, checkpoint: Path, record: Record, *, compare: bool) -> "Iterator[Made]":
    """`embed`, and `embed_text` of a network that reads texts; see `graphs.Maker`."""
    from trt_anime.export.networks import refuse_onnx, require_torch

    refuse_onnx(row, checkpoint)
    require_torch()
    from trt_anime.export.embed.published import CLIP, DINO, clip_from_checkpoint, dino_from_checkpoint

    if row.architecture in CLIP:
        library: Any = clip_from_checkpoint(CLIP[row.architecture], checkpoint)
    else:
        library = dino_from_checkpoint(DINO[row.architecture], checkpoint)
    for name in row.graphs:
        yield (_text if name == "embed_text" else _picture)(row, library, record, compare=compare)


def _picture(row: Model, library: Any, record: Record, *, compare: bool) -> "Made":
    from trt_anime.export.check import Made, check_nodes
    from trt_anime.export.embed.check import compare_pictures
    from trt_anime.export.embed.compose import picture_stage
    from trt_anime.export.embed.pytorch import onnx_of_picture

    network = onnx_of_picture(library, row)
    graph = picture_stage(network, row, checkpoint_sha256=record.sha256, licence=record.licence)
    del network  # hundreds of MB
    check_nodes(graph, row)
    return Made(graph, compare_pictures(graph, row, library) if compare else None)


def _text(row: Model, library: Any, record: Record, *, compare: bool) -> "Made":
    from trt_anime.export.check import Made, check_nodes
    from trt_anime.export.embed.check import compare_texts
    from trt_anime.export.embed.compose import text_stage
    from trt_anime.export.embed.pytorch import end_of, onnx_of_text

    network = onnx_of_text(library, row.name)
    graph = text_stage(network, row, checkpoint_sha256=record.sha256, licence=record.licence)
    del network
    check_nodes(graph, row)
    difference = compare_texts(graph, row, library, end=end_of(library)) if compare else None
    return Made(graph, difference)
