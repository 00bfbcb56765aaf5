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
    from trt_anime.export.check import Made, check_nodes
    from trt_anime.export.embed.check import comparison_of
    from trt_anime.export.embed.compose import STAGES
    from trt_anime.export.embed.pytorch import NETWORKS

    library = _library(row, checkpoint)
    compared = {name: comparison_of(name, row, library) for name in row.graphs} if compare else {}
    for name in row.graphs:
        network = NETWORKS[name](library, row)
        if name == row.graphs[-1]:
            del library  # what is measured in gigabytes goes as soon as it can
        graph = STAGES[name](network, row, checkpoint_sha256=record.sha256, licence=record.licence)
        del network
        check_nodes(graph, row)
        yield Made(graph, compared.get(name))
        del graph


def _library(row: Model, checkpoint: Path) -> Any:
    from trt_anime.export.embed.published import CLIP, DINO, clip_from_checkpoint, dino_from_checkpoint

    if row.architecture in CLIP:
        return clip_from_checkpoint(CLIP[row.architecture], checkpoint)
    return dino_from_checkpoint(DINO[row.architecture], checkpoint)
