"""Goldens and rollouts of networks that follow objects through a clip."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.parity.goldens import FOLDER


@dataclass(frozen=True)
class Clip:
    """frames: T x 3 x H x W uint8, RGB. masks: T x H x W uint8, the true objects. image: frames normalised,
    float32. arrays: everything else in the file."""

    frames: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    image: NDArray[np.float32]
    arrays: dict[str, NDArray[Any]]


def clip(model: str, name: str) -> Clip:
    """The file `name` of a model's folder; its clip may lie in another model's (`clip_of`)."""
    with np.load(FOLDER / model / f"{name}.npz") as file:
        arrays = dict(file)
    if "clip_of" in arrays:
        with np.load(FOLDER / arrays.pop("clip_of").item() / f"{name}.npz") as file:
            arrays |= {key: file[key] for key in ("frames_u8", "masks_u8")}
    frames, masks = arrays.pop("frames_u8"), arrays.pop("masks_u8")
    mean, std = (arrays.pop(key).reshape(1, -1, 1, 1) for key in ("mean", "std"))
    image = (frames.astype(np.float32) / np.float32(255) - mean) / std
    return Clip(frames, masks, image, arrays)
