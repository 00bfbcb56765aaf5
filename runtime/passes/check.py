"""The layers laid on each other again, and compared with the clip."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import astuple
from functools import partial
from typing import Any

from trt_anime.runtime.layers.compositing import Recomposition, composite, outliers, recomposition
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.passes.backgrounds import Backgrounds
from trt_anime.runtime.passes.context import Context, Made, OfShot
from trt_anime.runtime.passes.describe import layers_of
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import Blend, LayerFolder
from trt_anime.runtime.results.planes import read_rgba
from trt_anime.runtime.results.shots import Shot
from trt_anime.runtime.streams import behind


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """What is on the disk, as a user finds it. Where there is no plate there is nothing to compare."""
    with ThreadPoolExecutor(context.options.cores, "check") as pool:
        yield partial(_check, context, pool)


def summary(facts: dict[int, dict[str, Any]]) -> dict[str, Any] | None:
    """All shots' facts as `run.json` has them; None where nothing was compared.

    ``frames`` compared, ``median_db`` and ``lowest_db`` PSNR, ``outliers``: frames to look at, and why.
    """
    found = {
        int(index): Recomposition(*values) for shot in facts.values() for index, values in shot.items()
    }
    if not found:
        return None
    indices = sorted(found)
    rows = [found[index] for index in indices]
    values = sorted(row.psnr_db for row in rows)
    return {
        "frames": len(rows),
        "median_db": round(values[len(values) // 2], 2),
        "lowest_db": round(values[0], 2),
        "outliers": [{"frame": indices[one.place], "why": one.why} for one in outliers(rows)],
    }


def _check(context: Context, pool: ThreadPoolExecutor, shot: Shot) -> Made:
    backgrounds = Backgrounds(context, shot)
    layers = [one for one in layers_of(context).in_shot(shot.number) if one.stage != "2c"]
    if not backgrounds or not layers:
        return Made([])

    def compared(item: tuple[int, Pixels]) -> tuple[int, Recomposition]:
        index, rgb = item
        plate = backgrounds.of(index)
        assert plate is not None, "stage 2c has a plate for every fresh frame"
        return index, recomposition(rgb, composite(plate, list(_pictures(context, layers, index))))

    rows = behind(compared, context.frames(shot), pool, depth=2 * context.options.cores)
    return Made([], {str(index): list(astuple(row)) for index, row in rows})


def _pictures(context: Context, layers: list[LayerFolder], index: int) -> Iterator[tuple[Pixels, Blend]]:
    for layer in layers:
        path = context.folder / layer.folder / places.frame_name(index)
        if path.exists():
            yield read_rgba(path), layer.blend
