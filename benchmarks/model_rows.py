"""What is measured in place of a model that is too large for most machines: the same with fewer layers."""

from dataclasses import replace

from trt_anime.export import catalogue
from trt_anime.export.recipes.caption import Captioning

WHOLE = "blip2-opt-2.7b"  # its engines take more memory than this machine has
LAYERS = 4
SHORTENED = f"{WHOLE}-{LAYERS}-of-32-layers"


def add_shortened() -> None:
    """Put the row into the catalogue of this process.

    All widths are the published ones, and so is the number of files. Of the 39 layers that look at the
    picture there are as many as of the 32 that write.
    """
    row = catalogue.get(WHOLE)
    recipe = row.recipe_as(Captioning)
    shortened = replace(
        recipe,
        vision=replace(recipe.vision, layers=LAYERS),
        decoder=replace(recipe.decoder, layers=LAYERS),
    )
    catalogue.CATALOGUE[SHORTENED] = replace(
        row,
        name=SHORTENED,
        title=f"{row.title}, {LAYERS} of {recipe.decoder.layers} layers",
        recipe=shortened,
    )
