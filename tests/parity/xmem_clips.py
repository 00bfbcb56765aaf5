"""Goldens and rollouts of XMem in this folder (see README.md)."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "xmem"
ROLLOUTS = ("A", "B", "C", "D")
NUMBER_STORED = re.compile(r"(?P<map>\w+?)(_s(?P<step>\d+))?")

# Which axes `_s4` thins out, where it isn't the last one.
THINNED = {
    "f16": (1,),
    "f8": (1,),
    "f4": (1,),
    "value0": (2,),
    "readout": (2,),
    "segment_prob": (2, 3),
    "prob": (2, 3),
    "final_long_value_g0": (1,),
    "final_long_value_g1": (1,),
}


@dataclass(frozen=True)
class Clip:
    """frames: uint8 [T,H,W,3]. labels: uint8 [T,H,W], 0 is background. arrays: everything else."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    arrays: dict[str, NDArray[Any]]

    def images(self) -> NDArray[np.float32]:
        """float32 [T,3,H,W], normalised."""
        pixels = self.frames.astype(np.float32) / np.float32(255)
        return np.ascontiguousarray(((pixels - self.mean) / self.std).transpose(0, 3, 1, 2))


def clip(name: str) -> Clip:
    """``golden_01``, ``rollout_A``…"""
    with np.load(FOLDER / f"{name}.npz") as file:
        arrays = dict(file)
    frames = np.ascontiguousarray(arrays.pop("frames_u8").transpose(0, 2, 3, 1))
    return Clip(frames, arrays.pop("masks_u8"), arrays.pop("mean"), arrays.pop("std"), arrays)


def settings(rollout: Clip) -> tuple[dict[str, Any], dict[int, list[int]]]:
    """The official code's settings, and which labels it was given at which frame."""
    config, given = (json.loads(rollout.arrays[f"{name}_json"].item()) for name in ("config", "mask_at"))
    return config, {int(frame): labels for frame, labels in given.items()}


def error(outputs: dict[str, NDArray[Any]], key: str, expected: NDArray[Any]) -> float:
    """The largest difference between the golden array `key` and the output that it was stored from."""
    parts = NUMBER_STORED.fullmatch(key)
    assert parts is not None
    name, step = parts["map"].removesuffix("64"), int(parts["step"] or 1)
    output = outputs[name]
    thinned = {axis % output.ndim for axis in THINNED.get(name, (-1,))}
    output = output[tuple(slice(None, None, step if axis in thinned else 1) for axis in range(output.ndim))]
    assert output.shape == expected.shape, f"{key}: {output.shape}, expected {expected.shape}"
    return float(np.abs(output.astype(np.float64) - expected.astype(np.float64)).max())
