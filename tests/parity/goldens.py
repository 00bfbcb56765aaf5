"""Manifests and goldens in this folder (see README.md)."""

import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.parity.weights import Entry, weight

FOLDER = Path(__file__).parent
KEY = re.compile(r"(?P<map>\w+?)(_c(?P<channels>\d+))?(_s(?P<pixels>\d+))?")


@dataclass(frozen=True)
class Manifest:
    parameters: int
    entries: tuple[Entry, ...]

    def weights(self) -> dict[str, NDArray[np.generic]]:
        return {entry.name: weight(entry) for entry in self.entries}


@dataclass(frozen=True)
class Golden:
    """image: the network's input, NCHW float32, normalised. arrays: everything else in the file."""

    image: NDArray[np.float32]
    arrays: dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Difference:
    """How far an output is from its golden."""

    largest: float
    mean: float
    p99: float


def manifest(model: str) -> Manifest:
    packed = (FOLDER / model / "manifest.json.gz").read_bytes()
    content: dict[str, Any] = json.loads(gzip.decompress(packed))
    rows = (row | {"shape": tuple(row["shape"])} for row in content["tensors"])
    return Manifest(content["num_parameters"], tuple(Entry(**row) for row in rows))


def golden(model: str, number: int) -> Golden:
    with np.load(FOLDER / model / f"golden_{number:02d}.npz") as file:
        arrays = dict(file)
    mean, std = (arrays.pop(name).reshape(1, -1, 1, 1) for name in ("mean", "std"))
    image = (arrays.pop("image_u8").astype(np.float32) / np.float32(255) - mean) / std
    return Golden(image, arrays)


def compare(outputs: dict[str, NDArray[Any]], key: str, expected: NDArray[np.float32]) -> Difference:
    """Hold the golden array `key` against the output it was stored from, both in float64."""
    parts = KEY.fullmatch(key)
    assert parts is not None
    channels, pixels = int(parts["channels"] or 1), int(parts["pixels"] or 1)
    output = outputs[parts["map"]][:, ::channels, ::pixels, ::pixels]
    assert output.shape == expected.shape
    error = np.abs(output.astype(np.float64) - expected.astype(np.float64))
    return Difference(float(error.max()), float(error.mean()), float(np.percentile(error, 99)))
