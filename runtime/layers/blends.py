"""Whether an effect adds light or covers what is below: decided once for a shot, by all its frames."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

import cv2
import numpy as np

from trt_anime.runtime.layers.solving import Plane, alpha_of, highest, least_alpha, less
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.layers import Blend

ROWS = 270  # the evidence is gathered in a picture of so many rows
CLEAR = 10  # levels from which on a pixel is changed, whatever the noise
WINDOW = 5  # samples a side, against whose mean texture is measured
WHITE = 250  # levels from which on light may have been clipped
DARKENED = 0.1  # share of darkened pixels among the changed that no light makes
HIDDEN = 0.6  # of the texture that an effect hides at the least if it covers: from there on it covers


@dataclass(frozen=True)
class BlendEvidence:
    """What frames say about an effect; adds up over frames.

    Attributes:
        changed, darkened: samples that differ clearly from the plate, and of these that are darker.
        counted: of the changed ones, those not near white: the next three are sums over them.
        texture: squared texture of the plate below.
        kept: the frame's texture along that of the plate; as much as `texture` where light is added.
        covered: what would be kept at the most of an effect that covers.
        calm: samples without an effect.
        noise: sum over them of texture that the frame does not have: it is the plate's noise.
    """

    changed: int = 0
    darkened: int = 0
    counted: int = 0
    texture: float = 0.0
    kept: float = 0.0
    covered: float = 0.0
    calm: int = 0
    noise: float = 0.0

    def __add__(self, other: "BlendEvidence") -> "BlendEvidence":
        pairs = zip(astuple(self), astuple(other), strict=True)
        return BlendEvidence(*(ours + theirs for ours, theirs in pairs))


def observed(frame: Pixels, plate: Pixels, heat: Pixels, character: Pixels | None = None) -> BlendEvidence:
    """Gather what one frame says, where there is heat and no character; arguments as for `solved`."""
    scale = max(1, round(len(heat) / ROWS))
    size = heat.shape[1] // scale, len(heat) // scale
    seen, below, warm = (_small(picture, size) for picture in (frame, plate, heat))
    alone = np.ones(warm.shape, np.bool_)
    if character is not None:
        alone = _small(alpha_of(character), size) == 0
    up, down = highest(less(seen, below)), highest(less(below, seen))
    clear = np.maximum(up, down) >= CLEAR
    changed, calm = alone & (warm > 0) & clear, alone & (warm == 0) & ~clear
    steady = changed & (highest(seen) < WHITE)
    texture_seen, texture = _texture(seen), _texture(below)
    energy, along = np.square(texture).sum(axis=2), (texture_seen * texture).sum(axis=2)
    through = 1 - least_alpha(seen, below, 0) / np.float32(255)
    return BlendEvidence(
        changed=int(np.count_nonzero(changed)),
        darkened=int(np.count_nonzero(changed & (down >= CLEAR) & (down > up / 4))),
        counted=int(np.count_nonzero(steady)),
        texture=float(energy[steady].sum()),
        kept=float(along[steady].sum()),
        covered=float((energy * through)[steady].sum()),
        calm=int(np.count_nonzero(calm)),
        noise=float((energy - along)[calm].sum()),
    )


def blend_of(observations: Iterable[BlendEvidence]) -> Blend:
    """`add` where nothing gets darker and the plate's texture shows unweakened, else `over`.

    All frames count together, by what they show, so one frame more or less does not turn the decision.
    """
    total = sum(observations, BlendEvidence())
    noise = total.noise / total.calm * total.counted if total.calm else 0.0
    if not total.changed or total.darkened > DARKENED * total.changed:
        return "over"
    at_least = total.texture - total.covered
    return "over" if total.texture - noise - total.kept > HIDDEN * at_least else "add"


def _small(picture: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _texture(picture: Pixels) -> Plane:
    values = picture.astype(np.float32)
    return np.asarray(values - cv2.blur(values, (WINDOW, WINDOW)), np.float32)
