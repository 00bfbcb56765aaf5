"""Encoders of pictures and texts as functions of arrays, whatever runs their graphs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.text.embeddings import Vectors, vectors_of
from trt_anime.runtime.text.tokenizer import Tokenizer

Runner = Callable[[Mapping[str, NDArray[Any]]], dict[str, NDArray[Any]]]
"""One run of a graph: all inputs by name to all outputs by name, such as `sessions.running.Running`."""


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """A network whose vectors can be compared with those of every graph of the same model and weights.

    Attributes:
        model: catalogue name, such as ``clip-b32``.
        checkpoint_sha256: hex, of the weights, as the graph says of itself.
        graph_sha256: hex, of the file that runs.
        run: the graph.
        batch: how many frames or texts one run takes; fewer are filled up.
    """

    model: str
    checkpoint_sha256: str
    graph_sha256: str
    run: Runner
    batch: int = 1


@dataclass(frozen=True, kw_only=True)
class PictureEncoder(Encoder):
    """The graph ``embed``: ``frame`` uint8 [batch,H,W,3] RGB -> ``embedding`` float16 [batch,D]."""

    def vectors(self, frames: Sequence[Pixels]) -> Vectors:
        """float32 [N,D] of length 1; `frames`: uint8 [H,W,3] each, 0..255, RGB, all of one size."""
        return _in_batches(self, frames, "frame")


@dataclass(frozen=True, kw_only=True)
class TextEncoder(Encoder):
    """The graph ``embed_text``: ``ids`` int32 [batch,context] -> ``embedding`` float16 [batch,D]."""

    tokenizer: Tokenizer

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """float32 [N,D] of length 1; each text is computed once and then kept on the disk.

        Raises InputError: a text is too long. OutputError.
        """
        return vectors_of(texts, graph_sha256=self.graph_sha256, encode=self._encoded)

    def _encoded(self, texts: Sequence[str]) -> Vectors:
        return _in_batches(self, self.tokenizer.encode(texts).ids, "ids")


def unit(vectors: NDArray[Any]) -> Vectors:
    """float32, every row [..., D] brought to length 1; a row of zeros stays."""
    wide = np.asarray(vectors, np.float32)
    length = np.linalg.norm(wide, axis=-1, keepdims=True)
    result: Vectors = wide / np.maximum(length, np.float32(1e-12))
    return result


def _in_batches(encoder: Encoder, items: Sequence[NDArray[Any]] | NDArray[Any], name: str) -> Vectors:
    parts = []
    for start in range(0, len(items), encoder.batch):
        own = list(items[start : start + encoder.batch])
        filled = own + own[-1:] * (encoder.batch - len(own))
        parts.append(encoder.run({name: np.stack(filled)})["embedding"][: len(own)])
    # FP16 has rounded them away from length 1.
    return unit(np.concatenate(parts)) if parts else np.empty((0, 0), np.float32)
