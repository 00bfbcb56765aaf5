"""A weights file in CLIPSeg's published layout, with random values."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime.export.catalogue import Model
from trt_anime.export.embed.synthetic import position_ids, random_weights, save
from trt_anime.export.recipes.effects import Effects
from trt_anime.export.untrained import decide

if TYPE_CHECKING:
    from torch import nn


def synthetic_checkpoint(row: Model, path: Path, *, seed: int) -> None:
    """Write a file for a row of this stage: the published names and shapes, other values. Needs torch.

    On an example, the network is as sure of its prompts as a trained one.
    """
    import torch

    from trt_anime.export.effects.networks import ClipSegHeat
    from trt_anime.export.effects.published import CLIPSEG, new_clipseg
    from trt_anime.export.effects.reference import prompts_of
    from trt_anime.export.embed.check import example_frames, example_ids
    from trt_anime.export.embed.reference import prepared

    library: Any = new_clipseg(CLIPSEG[row.architecture])
    library.load_state_dict(random_weights(library, seed))
    recipe = row.recipe_as(Effects)
    ids = example_ids(recipe.context, library.config.text_config.eos_token_id)
    image = prepared(torch.from_numpy(example_frames()), recipe.picture)
    with torch.no_grad():
        heat = ClipSegHeat(library, recipe.picture.side)
        decide(
            [library.decoder.transposed_convolution[-1]],
            heat(image, prompts_of(library, torch.from_numpy(ids))),
        )
    save(library.state_dict() | position_ids(library), path)


def write_clipseg(library: "nn.Module", path: Path, *, seed: int) -> None:
    """The layout of CIDAS/clipseg-rd64-refined, which has the numbers of the positions in it."""
    save(random_weights(library, seed) | position_ids(library), path)
