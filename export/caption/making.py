"""From a checkpoint to the captioning graphs: what `graphs` calls for this stage."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.export.catalogue import Model
from trt_anime.export.checkpoints import Record
from trt_anime.export.recipes.caption import Captioning

if TYPE_CHECKING:
    import onnx

    from trt_anime.export.check import Made


def settings(row: Model) -> dict[str, object]:
    """All that the graphs depend on besides the checkpoint and this release."""
    return {"captioning": asdict(row.recipe_as(Captioning))}


def graphs_of(row: Model, checkpoint: Path, record: Record, *, compare: bool) -> "Iterator[Made]":
    """The graphs, checked node by node; see `graphs.Maker`.

    Matrices stay in the type of the checkpoint. Raises CheckpointError, ExportError, OutputError.
    """
    from trt_anime.export.caption.compose import caption_graphs
    from trt_anime.export.caption.storage import WeightFile
    from trt_anime.export.caption.weights import Checkpoint
    from trt_anime.export.check import Made, check_nodes
    from trt_anime.export.external import folder_aside

    opened = Checkpoint(checkpoint, row.name)
    file = WeightFile(opened, f"{row.name}.weights", matrices=opened.dtype)
    graphs = caption_graphs(
        row.recipe_as(Captioning),
        file,
        model=row.name,
        checkpoint_sha256=record.sha256,
        licence=record.licence,
    )
    for graph in graphs.values():
        check_nodes(graph, row)
    aside = folder_aside()
    assert aside is not None
    weights = file.write(aside)
    expected = None
    if compare:
        from trt_anime.export.caption.check import expected_of

        expected = expected_of(row, weights, opened)
    for name in row.graphs:
        yield Made(graphs[name], partial(expected.of, name) if expected else None, weights)


def half_graph(
    row: Model, checkpoint: Path, record: Record, name: str, *, beside: Path, weights: Path
) -> "onnx.ModelProto":
    """One of the graphs with its products in FP16, and the file `weights` that its matrices are in so.

    Where those of the FP32 graph are in FP16 already, its file `beside` is this one, too.

    Raises CheckpointError, OutputError.
    """
    import numpy as np

    from trt_anime.export.caption.compose import caption_graphs
    from trt_anime.export.caption.storage import WeightFile
    from trt_anime.export.caption.weights import Checkpoint

    opened = Checkpoint(checkpoint, row.name)
    file = WeightFile(opened, weights.name, matrices=np.dtype(np.float16))
    graphs = caption_graphs(
        row.recipe_as(Captioning),
        file,
        model=row.name,
        checkpoint_sha256=record.sha256,
        licence=record.licence,
        precision="fp16",
    )
    if opened.dtype != np.float16 or not _linked(beside, weights):
        file.write(weights.parent)
    return graphs[name]


def _linked(file: Path, name: Path) -> bool:
    """A second name for a file; False on another disk, or one that has no such thing."""
    try:
        os.link(file, name)
    except OSError:
        return False
    return True
