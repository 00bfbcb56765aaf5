"""The default chain with those of its networks that are here."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.synthetic_run import CAPTIONS, STAGES, choices
from trt_anime.errors import MissingError

if TYPE_CHECKING:
    from trt_anime.runtime.passes.choices import Choices

# Stage 2c's where the default one isn't here: its weights come out of a package registry.
_OTHER_PLATES = "fast"


def models_here() -> set[str]:
    """Catalogue models whose weights and graphs are here."""
    from trt_anime.export import catalogue
    from trt_anime.export.graphs import existing

    return {name for name, row in catalogue.CATALOGUE.items() if existing(row) is not None}


def choices_here(here: Collection[str]) -> "tuple[Choices, list[str]]":
    """Preset `balanced` with an effect, as far as it can run, and the networks that it is without.

    Raises MissingError: the matte's, which all others read, isn't here.
    """
    from trt_anime.runtime.passes.choices import NONE, PRESETS, Segmentation

    whole = choices((CAPTIONS,))
    lacks = [model for model in whole.models(STAGES) if model not in here]
    if whole.characters.model in lacks:
        raise MissingError("the matte's graph isn't here; run `make gpu-check PARTS=graphs`")
    found = choices((CAPTIONS, *lacks))
    if found.segmentation.model in lacks:
        found = replace(found, segmentation=Segmentation(method="matte"))
    if found.plates.model == NONE and PRESETS[_OTHER_PLATES].plates.model in here:
        found = replace(found, plates=replace(found.plates, model=PRESETS[_OTHER_PLATES].plates.model))
    return found, lacks


def stages_of(chosen: "Choices") -> tuple[str, ...]:
    """All that have something to do."""
    return STAGES if chosen.effects.prompts else tuple(stage for stage in STAGES if stage != "2b")
