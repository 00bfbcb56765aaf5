"""Whether an effect adds light or covers what is below: decided once for a shot, by all its frames."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from trt_anime.runtime.layers.solving import alpha_of, highest, least_alpha
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.layers import Blend

ROWS = 270  # the evidence is gathered in a picture of so many rows
CLEAR = 10  # levels from which on a pixel is changed, whatever the noise
WINDOW = 5  # samples a side, against whose mean texture is measured
WHITE = 250  # levels from which on light may have been clipped
DARKENED = 0.1  # share of darkened pixels among the changed that no light makes
HIDDEN = 0.5  # of the texture that an effect hides at the least if it covers: from there on it covers


@dataclass(frozen=True)
class BlendEvidence:
    """What frames say about an effect; adds up over frames.

    Attributes:
        changed, darkened: samples that differ clearly from the plate, and of these that are darker.
        texture: squared texture of the plate below them.
        kept: the frame's texture along that of the plate; as much as `texture` where light is added.
        covered: what would be kept at the most of an effect that covers.
    """

    changed: int = 0
    darkened: int = 0
    texture: float = 0.0
    kept: float = 0.0
    covered: float = 0.0

    def __add__(self, other: "BlendEvidence") -> "BlendEvidence":
        return BlendEvidence(
            self.changed + other.changed,
            self.darkened + other.darkened,
            self.texture + other.texture,
            self.kept + other.kept,
            self.covered + other.covered,
        )


def observed(frame: Pixels, plate: Pixels, heat: Pixels, character: Pixels | None = None) -> BlendEvidence:
    """Gather what one frame says, where there is heat and no character; arguments as for `solved`."""
    scale = max(1, round(len(heat) / ROWS))
    size = heat.shape[1] // scale, len(heat) // scale
    there = cv2.resize(heat, size, interpolation=cv2.INTER_AREA) > 0
    if character is not None:
        there &= cv2.resize(alpha_of(character), size, interpolation=cv2.INTER_AREA) == 0
    if not there.any():
        return BlendEvidence()
    seen, below = (
        np.asarray(cv2.resize(x, size, interpolation=cv2.INTER_AREA), np.uint8) for x in (frame, plate)
    )
    up = highest(np.asarray(cv2.subtract(seen, below), np.uint8))
    down = highest(np.asarray(cv2.subtract(below, seen), np.uint8))
    changed = there & (np.maximum(up, down) >= CLEAR)
    steady = changed & (highest(seen) < WHITE)
    texture_seen, texture = (
        x - cv2.blur(x, (WINDOW, WINDOW)) for x in (seen.astype(np.float32), below.astype(np.float32))
    )
    through = 1 - least_alpha(seen, below, 0)[steady] / 255
    energy = np.square(texture[steady]).sum(axis=1)
    return BlendEvidence(
        int(np.count_nonzero(changed)),
        int(np.count_nonzero(changed & (down >= CLEAR) & (down > up / 4))),
        float(energy.sum()),
        float((texture_seen[steady] * texture[steady]).sum()),
        float((energy * through).sum()),
    )


def blend_of(observations: Iterable[BlendEvidence]) -> Blend:
    """`add` where nothing gets darker and the plate's texture shows unweakened, else `over`.

    All frames count together, by what they show, so one frame more or less does not turn the decision.
    """
    total = sum(observations, BlendEvidence())
    if not total.changed or total.darkened > DARKENED * total.changed:
        return "over"
    at_least = total.texture - total.covered
    return "over" if total.texture - total.kept > HIDDEN * at_least else "add"
