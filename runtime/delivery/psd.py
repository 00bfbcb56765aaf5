"""Frames as layered Photoshop documents: plate, characters, effects, each with its name and blend mode."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trt_anime.errors import InputError, MissingError
from trt_anime.files import write_bytes
from trt_anime.runtime.delivery.compose import box_of, pictures, recomposed
from trt_anime.runtime.delivery.shown import representative
from trt_anime.runtime.delivery.targets import Advance, delivering
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.places import frame_name
from trt_anime.runtime.results.reader import Results

_LARGEST = 30_000  # pixels a side that the format can have


def write_documents(
    results: Results,
    target: Path,
    frames: Sequence[int] = (),
    *,
    overwrite: bool = False,
    advance: Advance = lambda count: None,
) -> list[int]:
    """`frame_000000.psd` for each of `frames`, else for the best frame of each shot; returns their numbers.

    A layer that adds light becomes "Linear Dodge (Add)" on black, its colour multiplied by its alpha:
    blended so it gives what ``add`` means here, which a half-transparent linear dodge would not.

    Raises:
        MissingError: psd-tools isn't here.
        InputError: no such frame, `target` holds something, or a file is damaged.
        OutputError: the disk is full; nothing is left.
    """
    try:
        import psd_tools  # noqa: F401 - before any work is done
    except ImportError as error:
        raise MissingError("--to psd needs `pip install 'trt-anime[datasets]'`") from error
    for index in frames:
        if not 0 <= index < results.frames:
            raise InputError(f"--frames {index}: no such frame; the results have 0 to {results.frames - 1}")
    if max(results.size) > _LARGEST:
        raise InputError(f"{results.folder}: PSD holds at most {_LARGEST} pixels a side; use --to exr")
    with delivering(target, what="psd", source=results.folder, overwrite=overwrite) as folder:
        chosen = sorted(set(frames)) or [representative(results, shot) for shot in results.shots]
        for index in chosen:
            write_bytes(folder / Path(frame_name(index)).with_suffix(".psd"), _document(results, index))
            advance(1)
    return chosen


def _document(results: Results, index: int) -> bytes:
    from PIL import Image
    from psd_tools import PSDImage
    from psd_tools.constants import BlendMode

    document: Any = PSDImage.frompil(Image.fromarray(recomposed(results, index)))
    for layer, rgba in pictures(results, index):
        x, y, width, height = box_of(rgba)
        part = rgba[y : y + height, x : x + width]
        if not part.size:
            continue
        adds = layer.blend == "add"
        document.create_pixel_layer(
            Image.fromarray(_light(part) if adds else np.ascontiguousarray(part)),
            name=layer.name,
            top=y,
            left=x,
            blend_mode=BlendMode.LINEAR_DODGE if adds else BlendMode.NORMAL,
        )
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _light(rgba: Pixels) -> Pixels:
    """Opaque: what the layer adds."""
    result = np.full_like(rgba, 255)
    result[..., :3] = (rgba[..., :3].astype(np.uint16) * rgba[..., 3:] + 127) // 255
    return result
