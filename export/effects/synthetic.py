"""A weights file in CLIPSeg's published layout, with random values."""

from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.export.catalogue import Model
from trt_anime.export.embed.synthetic import position_ids, random_weights, save

if TYPE_CHECKING:
    from torch import nn


def synthetic_checkpoint(row: Model, path: Path, *, seed: int) -> None:
    """Write a file for a row of this stage: the published names and shapes, other values. Needs torch."""
    from trt_anime.export.effects.published import CLIPSEG, new_clipseg

    write_clipseg(new_clipseg(CLIPSEG[row.architecture]), path, seed=seed)


def write_clipseg(library: "nn.Module", path: Path, *, seed: int) -> None:
    """The layout of CIDAS/clipseg-rd64-refined, which has the numbers of the positions in it."""
    save(random_weights(library, seed) | position_ids(library), path)
