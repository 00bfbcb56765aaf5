"""Checkpoints in the published layout with seeded random weights: they prove structure where no hub is."""

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from trt_anime.export.catalogue import Model
from trt_anime.export.recipes.caption import Captioning
from trt_anime.files import replacing, write_text

Shapes = Mapping[str, tuple[int, ...]]

_POOL = 4_194_301  # a prime
_TYPES = {"float16": "F16", "float32": "F32"}
# Second names of a tensor, which files leave out.
_TIED = ("lm_head.weight", "cls.predictions.decoder.weight", "cls.predictions.decoder.bias")


def synthetic_checkpoint(row: Model, path: Path, *, seed: int, dtype: str = "float16") -> None:
    """Write the row's checkpoint at `path`; the further shards and their index beside it, if it has some.

    One tensor at a time is in memory. Needs torch and transformers, for names and shapes.

    Args:
        dtype: float16 or float32.
    """
    shapes = published_shapes(row.recipe_as(Captioning))
    if "-of-" not in path.stem:
        write_shard(path, shapes, seed=seed, dtype=dtype)
        return
    stem, _, count = path.stem.partition("-of-")
    base, shards = stem.rpartition("-")[0], _divided(shapes, int(count))
    names = [f"{base}-{number:05d}-of-{count}.safetensors" for number in range(1, len(shards) + 1)]
    for name, shard in zip(names, shards, strict=True):
        write_shard(path.with_name(name), shard, seed=seed, dtype=dtype)
    places = {tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
    index = {"metadata": {"total_size": sum(map(math.prod, shapes.values()))}, "weight_map": places}
    write_text(path.with_name(f"{base}.safetensors.index.json"), json.dumps(index))


def published_shapes(recipe: Captioning) -> Shapes:
    """Names and shapes of a published file's tensors, in the library's order."""
    from trt_anime.export.caption.reference import bare_network

    tensors = bare_network(recipe).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in tensors.items() if not name.endswith(_TIED)}


def write_shard(path: Path, shapes: Shapes, *, seed: int, dtype: str) -> None:
    """Write a `.safetensors` file of random tensors; see https://github.com/huggingface/safetensors."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end, width = 0, np.dtype(dtype).itemsize
    for name, shape in shapes.items():
        start, end = end, end + math.prod(shape) * width
        header[name] = {"dtype": _TYPES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            file.write(_random(name, shape, seed).astype(dtype).data.cast("B"))


def _random(name: str, shape: tuple[int, ...], seed: int) -> NDArray[Any]:
    """Values that neither fade nor explode in a deep network; the same for the same name and seed."""
    pool = _pool(seed)
    size, start = math.prod(shape), crc32(name.encode()) % len(pool)
    copies = -(-(start + size) // len(pool))
    values = np.tile(pool, copies)[start : start + size].reshape(shape)
    if len(shape) == 1:
        is_scale = name.endswith("weight")  # of a norm
        return values * np.float32(0.1) + np.float32(is_scale)
    if "decoder.embed_" in name:  # OPT's; larger ones would make it say the same word over and over
        return values * np.float32(0.5 / math.sqrt(shape[-1]))
    if "embed" in name or name == "query_tokens":
        return values * np.float32(0.5 if "vision" in name else 2 / math.sqrt(shape[-1]))
    return values / np.float32(math.sqrt(math.prod(shape[1:])))


@cache
def _pool(seed: int) -> NDArray[np.float32]:
    """Random numbers are slow, and billions are needed: each tensor is a stretch of these, over and over.

    Their count is no multiple of a row's length, so that no two rows of a matrix are equal.
    """
    return np.random.default_rng(seed).standard_normal(_POOL, dtype=np.float32)


def _divided(shapes: Shapes, count: int) -> list[dict[str, tuple[int, ...]]]:
    """In order, into parts of about one size."""
    total, done = sum(map(math.prod, shapes.values())), 0
    parts: list[dict[str, tuple[int, ...]]] = [{} for _ in range(count)]
    for name, shape in shapes.items():
        parts[min(done * count // total, count - 1)][name] = shape
        done += math.prod(shape)
    return parts
