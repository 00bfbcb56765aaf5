"""From a checkpoint to the graphs `prompt` and `detect`: what `graphs` calls for this stage."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.export.catalogue import Model
from trt_anime.export.checkpoints import Record
from trt_anime.export.recipes.detect import Detection

if TYPE_CHECKING:
    from trt_anime.export.check import Made


def settings(row: Model) -> dict[str, object]:
    """All that the graphs depend on besides the checkpoint and this release."""
    return {"recipe": asdict(row.recipe_as(Detection)), "architecture": row.architecture}


def graphs_of(row: Model, checkpoint: Path, record: Record, *, compare: bool) -> "Iterator[Made]":
    """`prompt`, then `detect`; see `graphs.Maker`. Needs PyTorch and transformers."""
    from trt_anime.export.networks import require_torch
    from trt_anime.export.networks.library import require_transformers

    require_torch()
    require_transformers()
    from trt_anime.export.check import Made
    from trt_anime.export.detect.check import comparisons_of
    from trt_anime.export.detect.compose import Origin, detect_graph, prompt_graph
    from trt_anime.export.detect.configurations import configuration
    from trt_anime.export.detect.loading import network_from_checkpoint
    from trt_anime.export.detect.prepare import Widths
    from trt_anime.export.detect.tracing import onnx_from_text, onnx_from_vision

    rule, config = row.recipe_as(Detection), configuration(row.architecture)
    network = network_from_checkpoint(row, checkpoint, config)
    widths = Widths.of(config)
    origin = Origin(checkpoint_sha256=record.sha256, licence=record.licence)
    compared = comparisons_of(network, row) if compare else {}

    text = prompt_graph(onnx_from_text(network, rule, row.name), row, widths, origin)
    yield Made(text, compared.get("prompt"))

    traced = onnx_from_vision(network, rule, row.name)
    yield Made(detect_graph(traced, row, widths, origin), compared.get("detect"))
