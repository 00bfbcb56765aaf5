"""How wrong the layers of a frame are: effects against the true ones, characters against their places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError

Rgba = NDArray[np.uint8]
Ids = NDArray[np.uint8]
Mask = NDArray[np.bool_]

PRESENT = 1 / 255  # alpha above which there is an effect


@dataclass(frozen=True)
class EffectError:
    """Mean absolute errors in levels of 255.

    Attributes:
        alpha, colour: where there is an effect; colour is premultiplied, the mean of the channels.
        leak: alpha of the estimate where there is none.
        pixels: that the effect has.
    """

    alpha: float
    colour: float
    leak: float
    pixels: int


def effect_error(estimated: Rgba, true: NDArray[np.floating], *, mask: Mask | None = None) -> EffectError:
    """Compare an effect layer with the truth.

    Args:
        estimated: uint8 [H,W,4], straight alpha.
        true: floating [H,W,4], 0..1, premultiplied. Of added light, alpha is the highest channel.
        mask: bool [H,W], where to look; None is everywhere.

    Raises InputError when shapes or dtypes differ from that.
    """
    if estimated.dtype != np.uint8 or estimated.ndim != 3 or estimated.shape[2] != 4:
        raise InputError(
            f"An effect is {estimated.dtype} {estimated.shape}; pass uint8, height x width x 4."
        )
    if true.shape != estimated.shape or not np.issubdtype(true.dtype, np.floating):
        raise InputError(f"The true effect is {true.dtype} {true.shape}; pass floating {estimated.shape}.")
    looked = np.ones(true.shape[:2], np.bool_) if mask is None else mask
    alpha = estimated[..., 3].astype(np.float64)
    colour = estimated[..., :3] * (alpha[..., None] / 255)
    inside = looked & (true[..., 3] > PRESENT)
    return EffectError(
        alpha=_mean(np.abs(alpha - 255.0 * true[..., 3]), inside),
        colour=_mean(np.abs(colour - 255.0 * true[..., :3]).mean(axis=2), inside),
        leak=_mean(alpha, looked & ~inside),
        pixels=int(np.count_nonzero(inside)),
    )


def owners(layers: Mapping[int, Rgba], order: Sequence[int]) -> Ids:
    """uint8 [H,W]: the id of the layer of which most is seen; 0 where less than half of any character is.

    Args:
        layers: by id, uint8 [H,W,4], straight alpha.
        order: from back to front.

    Raises InputError: there is no layer.
    """
    if not order:
        raise InputError("There are no layers; pass at least one.")
    through = np.ones(layers[order[0]].shape[:2], np.float64)
    seen: list[NDArray[np.float64]] = []
    for identity in reversed(order):
        alpha = layers[identity][..., 3] / 255.0
        seen.append(through * alpha)
        through = through * (1 - alpha)
    most = np.argmax(seen, axis=0)
    return np.where(through <= 0.5, np.array(order[::-1], np.uint8)[most], np.uint8(0))


def owner_error(true: Ids, estimated: Ids) -> float:
    """Share of the pixels with a character in both, 0..1, in which it is another one; 0 without any."""
    both = (true > 0) & (estimated > 0)
    return float((true[both] != estimated[both]).mean()) if both.any() else 0.0


def _mean(values: NDArray[np.float64], mask: Mask) -> float:
    return float(values[mask].mean()) if mask.any() else 0.0
