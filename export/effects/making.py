"""From a checkpoint to the graphs `prompt` and `effects`: what `graphs` calls for this stage."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.export.catalogue import Model
from trt_anime.export.checkpoints import Record
from trt_anime.export.recipes.effects import Effects

if TYPE_CHECKING:
    from trt_anime.export.check import Made


def settings(row: Model) -> dict[str, object]:
    """All that the graphs depend on besides the checkpoint and this release."""
    return {"recipe": asdict(row.recipe_as(Effects))}


def graphs_of(row: Model, checkpoint: Path, record: Record, *, compare: bool) -> "Iterator[Made]":
    """`prompt`, then `effects`; see `graphs.Maker`."""
    from trt_anime.export.networks import refuse_onnx, require_torch

    refuse_onnx(row, checkpoint)
    require_torch()
    from trt_anime.export.check import Made, check_nodes
    from trt_anime.export.effects.check import comparisons_of
    from trt_anime.export.effects.compose import effects_stage, prompt_stage
    from trt_anime.export.effects.published import CLIPSEG, clipseg_from_checkpoint
    from trt_anime.export.effects.pytorch import onnx_of_heat, onnx_of_prompt

    library = clipseg_from_checkpoint(CLIPSEG[row.architecture], checkpoint)
    compared = comparisons_of(row, library) if compare else {}
    sha256, licence = record.sha256, record.licence
    prompt = prompt_stage(onnx_of_prompt(library, row), row, checkpoint_sha256=sha256, licence=licence)
    check_nodes(prompt, row)
    yield Made(prompt, compared.get("prompt"))
    effects = effects_stage(onnx_of_heat(library, row), row, checkpoint_sha256=sha256, licence=licence)
    check_nodes(effects, row)
    yield Made(effects, compared.get("effects"))
