"""How the layers make the picture: the formulas that the ground truth promises.

All blending is display-referred (on gamma-encoded RGB, as animation compositors do), in float32:

    picture = foreground * alpha + plate * (1 - alpha)            characters over the plate
    picture = picture + effect.rgb                                effect of kind "additive"
    picture = picture * (1 - effect.a) + effect.rgb               effect of kind "over" (premultiplied)
    frame   = round(255 * clip(picture, 0, 1))

For an additive effect, effect.a = max(effect.rgb): it says where light is and takes no part in the sum.
"""

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

from samples.arrays import F32, U8, Layer, unit

EffectKind = Literal["additive", "over"]
SOLID = 0.5
"""A character owns a pixel of the instance map from this alpha on."""


def stack(layers: Sequence[tuple[int, Layer]], *, width: int, height: int) -> tuple[F32, U8]:
    """Merge characters, back to front, given as (identity, layer).

    Returns float32 [H, W, 4] premultiplied RGBA 0..1, and uint8 [H, W] with the identity of the frontmost
    character whose own alpha is at least SOLID (0: none).
    """
    merged = np.zeros((height, width, 4), np.float32)
    instance = np.zeros((height, width), np.uint8)
    for identity, layer in layers:
        rows, columns, part = layer.clipped(width, height)
        merged[rows, columns] = part + merged[rows, columns] * (1 - part[..., 3:])
        instance[rows, columns][part[..., 3] >= SOLID] = identity
    return merged, instance


def straight(premultiplied: F32) -> tuple[F32, F32]:
    """float32 [H, W, 4] premultiplied RGBA to (float32 [H, W, 3] straight RGB, float32 [H, W] alpha).

    RGB is 0 where alpha is 0.
    """
    alpha = np.clip(premultiplied[..., 3], 0, 1)
    inverse = np.divide(1, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    colour = premultiplied[..., :3] * _thrice(inverse)
    return np.clip(colour, 0, 1, out=colour), alpha


def _thrice(plane: F32) -> F32:
    """float32 [H, W] to [H, W, 3], in memory: much faster in sums than a broadcast last axis."""
    return np.asarray(cv2.merge([plane, plane, plane]), np.float32)


def compose(plate: U8, alpha: F32, foreground: F32, effect: F32, kind: EffectKind) -> F32:
    """The picture, float32 [H, W, 3] RGB, clipped to 0..1 and not yet rounded.

    plate: uint8 [H, W, 3] RGB. alpha: float32 [H, W] 0..1. foreground: float32 [H, W, 3] straight RGB 0..1.
    effect: float32 [H, W, 4] RGBA 0..1, as the module says for its kind.
    """
    weight = _thrice(alpha)
    picture = (foreground * weight + unit(plate) * (1 - weight)).astype(np.float32, copy=False)
    if kind == "over":
        picture *= 1 - _thrice(effect[..., 3])
    picture += effect[..., :3]
    return np.clip(picture, 0, 1, out=picture)


def quantise(picture: F32) -> U8:
    """float32 0..1 to uint8 0..255, rounded to nearest."""
    return np.asarray(np.rint(picture * np.float32(255)), np.uint8)
