"""Weights for parity tests: pseudo-random values that depend on nothing but a tensor's name and shape.

The same rule made the goldens. Per state entry: PCG64 seeded with the name's SHA-256 gives uniform numbers,
from which follow running variances in 0.5..1.5, running means around 0, scales around 1, small biases, and
matrices with zero-sum rows and variance gain^2 / fan-in. Float64 throughout, rounded to float32 at the end.
"""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ZERO_SUM_FROM_FAN_IN = 16


@dataclass(frozen=True)
class Entry:
    """One row of a manifest. alias_of: the name to draw from instead, for a tensor with two names."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    gain: float = 1.0
    alias_of: str | None = None


def uniform(name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Numbers in [0, 1), the same on every platform: raw generator output, upper 53 bits."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    raw = np.random.PCG64(seed).random_raw(math.prod(shape))
    return (np.right_shift(raw, np.uint64(11)) * 2.0**-53).reshape(shape)


def weight(entry: Entry) -> NDArray[np.generic]:
    """The value of `entry`, of its shape and dtype."""
    if not entry.dtype.startswith("float"):
        return np.zeros(entry.shape, dtype=entry.dtype)
    u = uniform(entry.alias_of or entry.name, entry.shape)
    centred = math.sqrt(3.0) * (2.0 * u - 1.0)
    kind = entry.name.rpartition(".")[2]
    if kind == "running_var":
        value = 0.5 + u
    elif kind == "running_mean":
        value = 0.1 * centred
    elif len(entry.shape) >= 2:
        value = _matrix(centred, entry.gain)
    elif kind == "weight":
        value = 1.0 + 0.1 * centred
    else:
        value = 0.05 * centred
    return value.astype(entry.dtype)


def _matrix(centred: NDArray[np.float64], gain: float) -> NDArray[np.float64]:
    inputs = tuple(range(1, centred.ndim))
    fan_in = math.prod(centred.shape[1:])
    if fan_in >= ZERO_SUM_FROM_FAN_IN:
        centred = centred - centred.mean(axis=inputs, keepdims=True)
    return centred * gain / math.sqrt(fan_in)
