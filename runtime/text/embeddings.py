"""Vectors of texts, computed once and kept: a prompt is the same in every run."""

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trt_anime import paths
from trt_anime.files import read_checked, write_checked

Vectors = NDArray[np.float32]


def vectors_of(
    texts: Sequence[str], *, graph_sha256: str, encode: Callable[[Sequence[str]], Vectors]
) -> Vectors:
    """float32 [N,D]: of each text, in order, the vector that was kept, or a new one that is kept from now.

    Args:
        graph_sha256: of the file that computes them; what another one gave is never used.
        encode: computes the vectors, float32 [M,D], of the M texts that are missing, each once; it isn't
            called where none is.

    A damaged file counts as missing. Raises what `encode` raises, and OutputError.
    """
    places = {text: _place(text, graph_sha256) for text in texts}
    found = {text: kept for text, place in places.items() if (kept := _read(place)) is not None}
    missing = [text for text in places if text not in found]
    if missing:
        for text, vector in zip(missing, encode(missing), strict=True):
            found[text] = np.asarray(vector, np.float32)
            _write(places[text], found[text])
    return np.stack([found[text] for text in texts]) if texts else np.empty((0, 0), np.float32)


def _place(text: str, graph_sha256: str) -> Path:
    key = json.dumps([graph_sha256, text]).encode()
    return paths.prompts() / f"{hashlib.sha256(key).hexdigest()}.vector"


def _read(place: Path) -> Vectors | None:
    data = read_checked(place)
    if data is None:
        return None
    vector: Vectors = np.load(io.BytesIO(data), allow_pickle=False)
    return vector


def _write(place: Path, vector: Vectors) -> None:
    buffer = io.BytesIO()
    np.save(buffer, vector, allow_pickle=False)
    write_checked(place, buffer.getvalue())
