"""Have both ways written the same? Every file of the one, decoded, against that of the other."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.chain.stages import LABELS
from trt_anime.errors import EngineError
from trt_anime.export.check import Difference, Tolerance, apart, difference_of
from trt_anime.export.matte.check import difference as layer_difference

Picture = NDArray[np.uint8]
# Each way cuts its hole out by its own alpha, which may be a level apart: where one has 0 and the other 1,
# one alone paints the pixel, with random weights. Measured: p99 2, maximum 34; from one hole, 0 and 1.
BACKGROUNDS = Tolerance(p99=4.0, maximum=64.0, unit="of 255")


def files_agree(ours: Path, theirs: Path, frames: int) -> str:
    """In words, how far each folder's files are apart, worst of the frames.

    Layers may differ by what their stage may, colour premultiplied, backgrounds by what the holes of the
    two ways make of it; of a map of labels, one pixel of a hundred may be somebody else.

    Args:
        frames: files that each folder must hold.

    Raises:
        EngineError: a file is missing, of another size or kind, or differs by more; the message names it.
    """
    names = [_names(folder) for folder in (ours, theirs)]
    if alone := sorted(names[0] ^ names[1]):
        way = "our" if alone[0] in names[0] else "PyTorch's"
        raise EngineError(f"{alone[0]} is among the files of {way} way, but not among the other's")
    words = []
    for folder in sorted({name.partition("/")[0] for name in names[0]}):
        files = sorted(name for name in names[0] if name.startswith(f"{folder}/"))
        if len(files) != frames:
            raise EngineError(f"{frames} frames in, but {len(files)} out in {folder}")
        found = dict(_differences(ours, theirs, files))
        worst = max(found, key=lambda name: (not found[name].passed, found[name].p99, found[name].maximum))
        if not found[worst].passed:
            raise EngineError(_refusal(worst, found))
        words.append(f"{folder} {found[worst]}")
    if not words:
        raise EngineError("neither way has written a file")
    return "files of both, decoded: " + "; ".join(words)


def _differences(ours: Path, theirs: Path, files: list[str]) -> Iterator[tuple[str, Difference]]:
    for name in files:
        one, other = _read(ours / name), _read(theirs / name)
        if one.shape != other.shape:
            raise EngineError(f"{name} is {one.shape} in ours, {other.shape} in PyTorch's")
        if name.startswith("background/"):
            yield name, difference_of(one, other, BACKGROUNDS)
        elif one.ndim == 3:
            yield name, layer_difference(one, other)
        else:
            yield name, apart(one, other, LABELS)


def _refusal(worst: str, found: dict[str, Difference]) -> str:
    others = sum(not one.passed for one in found.values()) - 1
    more = f", and {others} more of its folder are too far apart" if others else ""
    return (
        f"{worst}, as both ways have written it, differs by {found[worst]}, but"
        f" {found[worst].tolerance} is allowed{more}: speeds of different work can't be compared"
    )


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _read(path: Path) -> Picture:
    """uint8 [H,W,4] BGRA or [H,W]."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise EngineError(f"{path} can't be decoded")
    return np.asarray(picture, np.uint8)
