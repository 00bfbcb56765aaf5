"""How near two embeddings point."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError


@dataclass(frozen=True)
class Cosine:
    """Over the rows of a batch, -1..1; 1 is the same direction."""

    min: float
    mean: float


def cosine(reference: NDArray[np.floating], candidate: NDArray[np.floating]) -> Cosine:
    """Lowest and mean cosine similarity of two batches of embeddings. See `cosine_rows`."""
    rows = cosine_rows(reference, candidate)
    return Cosine(float(rows.min()), float(rows.mean()))


def cosine_rows(reference: NDArray[np.floating], candidate: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cosine similarity row by row, float64 [B], -1..1.

    reference, candidate: float16 or float32 [B,D], any scale; computed in float64. Two rows of zeros are
    equal (1); one row of zeros has no direction (0).

    Raises InputError when shapes or dtypes differ from that, or a value is not finite.
    """
    a, b = _rows(reference), _rows(candidate)
    if a.shape != b.shape:
        raise InputError(f"The embeddings are {a.shape} and {b.shape}; pass two batches of one shape.")
    length_a, length_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    product = np.einsum("bd,bd->b", a, b)
    lengths = length_a * length_b
    directed = np.divide(product, lengths, out=np.zeros_like(product), where=lengths > 0)
    same = (length_a == 0) & (length_b == 0)
    return np.clip(np.where(same, 1.0, directed), -1.0, 1.0)


def _rows(embeddings: NDArray[np.floating]) -> NDArray[np.float64]:
    if not np.issubdtype(embeddings.dtype, np.floating) or embeddings.ndim != 2 or not embeddings.size:
        raise InputError(
            f"Embeddings are {embeddings.dtype} {embeddings.shape}; pass floating batch x dimensions."
        )
    rows = embeddings.astype(np.float64)
    if not np.isfinite(rows).all():
        raise InputError("An embedding has values that are not finite; it points nowhere.")
    return rows
