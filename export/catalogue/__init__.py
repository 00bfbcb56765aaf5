"""Every model that trt-anime can fetch: one row of data each, nothing scanned, nothing registered."""

import difflib

from trt_anime.errors import InputError
from trt_anime.export.catalogue import (
    caption,
    detect,
    effects,
    embed,
    inpaint,
    mask,
    matte,
    segment,
    temporal,
)
from trt_anime.export.catalogue.rows import Checkpoint, File, Format, Model, Stage

__all__ = ["CATALOGUE", "Checkpoint", "File", "Format", "Model", "Stage", "get"]

CATALOGUE: dict[str, Model] = {
    row.name: row
    for row in (
        *matte.ROWS,
        *inpaint.ROWS,
        *segment.ROWS,
        *effects.ROWS,
        *embed.ROWS,
        *detect.ROWS,
        *mask.ROWS,
        *temporal.ROWS,
        *caption.ROWS,
    )
}


def get(name: str) -> Model:
    """The row called `name`. Raises InputError, which suggests the nearest name."""
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name.lower(), CATALOGUE, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(CATALOGUE)}"
    raise InputError(f"There is no model '{name}' in the catalogue; {hint}")
