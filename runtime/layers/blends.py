"""Whether an effect adds light or covers what is below: decided once for a shot, by all its frames."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

import cv2
import numpy as np

from trt_anime.runtime.layers.solving import Plane, alpha_of, highest, least_alpha, less
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.layers import Blend

ROWS = 135  # the evidence is gathered in a picture of so many rows: codes take finer texture off
CLEAR = 10  # levels from which on a pixel is changed, whatever the noise
WINDOW = 5  # samples a side, against whose mean texture is measured
WHITE = 250  # levels from which on light may have been clipped
DARKENED = 0.1  # share of darkened pixels among the changed that no light makes
# Of what an effect that covers would hide at the least. One that covers has 1 or more, 0.95 in noise; light
# has 0, and more where the plate is not exact: its mistakes look like texture that is hidden.
HIDDEN = 0.85


@dataclass(frozen=True)
class BlendEvidence:
    """What frames say about an effect; adds up over frames.

    Attributes:
        changed, darkened: samples that differ clearly from the plate, and of these that are darker.
        weight: sum of the least alphas that could explain the changed ones, 0..1; not of those near white,
            or near darkened ones.
        lost: sum, by that weight, of the plate's squared texture that the frame does not show.
        expected: the same, of what an effect that covers would hide at the least.
        calm: samples without an effect.
        noise: sum over them of texture that the frame does not have: it is the plate's noise.
    """

    changed: int = 0
    darkened: int = 0
    weight: float = 0.0
    lost: float = 0.0
    expected: float = 0.0
    calm: int = 0
    noise: float = 0.0

    def __add__(self, other: "BlendEvidence") -> "BlendEvidence":
        pairs = zip(astuple(self), astuple(other), strict=True)
        return BlendEvidence(*(ours + theirs for ours, theirs in pairs))


def observed(
    frame: Pixels,
    plate: Pixels,
    heat: Pixels,
    character: Pixels | None = None,
    invented: Pixels | None = None,
) -> BlendEvidence:
    """Gather what one frame says, where there is heat and no character.

    Args:
        frame, plate, heat, character: as for `solved`.
        invented: uint8 [H,W], above 0 where nobody knows the plate, which there says nothing.
    """
    scale = max(1, round(len(heat) / ROWS))
    size = heat.shape[1] // scale, len(heat) // scale
    seen, below, warm = (_small(picture, size) for picture in (frame, plate, heat))
    alone = np.ones(warm.shape, np.bool_)
    if character is not None:
        alone = _small(alpha_of(character), size) == 0
    if invented is not None:
        alone &= cv2.dilate(_small(invented, size), np.ones((WINDOW, WINDOW), np.uint8)) == 0
    up, down = highest(less(seen, below)), highest(less(below, seen))
    clear = np.maximum(up, down) >= CLEAR
    changed, calm = alone & (warm > 0) & clear, alone & (warm == 0) & ~clear
    clipped = cv2.threshold(highest(frame), WHITE - 1, 255, cv2.THRESH_BINARY)[1]
    darkened = changed & (down >= CLEAR) & (down > up / 4)
    # No light makes it darker: it is covered, which is counted, or the plate is wrong, and so its texture.
    near = cv2.dilate(darkened.view(np.uint8), np.ones((WINDOW, WINDOW), np.uint8)) > 0
    steady = changed & ~near & (_small(np.asarray(clipped, np.uint8), size) == 0)
    texture_seen, texture = _texture(seen), _texture(below)
    energy, along = np.square(texture).sum(axis=2), (texture_seen * texture).sum(axis=2)
    least = least_alpha(seen, below, 0) / np.float32(255)
    return BlendEvidence(
        changed=int(np.count_nonzero(changed)),
        darkened=int(np.count_nonzero(darkened)),
        weight=float(least[steady].sum()),
        lost=float((least * (energy - along))[steady].sum()),
        expected=float((least * least * energy)[steady].sum()),
        calm=int(np.count_nonzero(calm)),
        noise=float((energy - along)[calm].sum()),
    )


def blend_of(observations: Iterable[BlendEvidence]) -> Blend:
    """`add` where nothing gets darker and the plate's texture shows unweakened, else `over`.

    All frames count together, by what they show, so one frame more or less does not turn the decision.
    """
    total = sum(observations, BlendEvidence())
    noise = total.noise / total.calm * total.weight if total.calm else 0.0
    if not total.changed or total.darkened > DARKENED * total.changed:
        return "over"
    return "over" if total.lost - noise > HIDDEN * total.expected else "add"


def _small(picture: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _texture(picture: Pixels) -> Plane:
    values = picture.astype(np.float32)
    return np.asarray(values - cv2.blur(values, (WINDOW, WINDOW)), np.float32)
