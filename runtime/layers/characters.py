"""Character layers: a matte limited by who is where, divided between characters, cleaned of the plate."""

from collections.abc import Sequence

import cv2
import numpy as np

from trt_anime.runtime.layers.solving import Plane, alpha_of, colour_over, least_alpha, rgba_of, scaled
from trt_anime.runtime.media.frames import Pixels

REACH = 0.08  # of the frame's height: as far from its mask a character's hair is kept whole
FADE = 0.06  # and over so much more it fades out
COARSE = 4  # pixels to one where only distances matter
CONTACT_SIGMA = 1 / 900  # of the frame's height: how soft one character ends on another
NOBODY = 255  # in a map of ranks
NOISE = 2  # levels that a frame may differ from its layers without alpha being changed for it
RAISED = 48  # levels by which alpha may be raised


def limited(rgba: Pixels, ids: Pixels | None) -> Pixels:
    """The matte without what is far from every character; a new array.

    Alpha is kept up to a distance of 8 % of the frame's height from the masks, so that hair that no mask
    has stays, and fades to nothing over 6 % more.

    Args:
        rgba: uint8 [H,W,4], straight alpha.
        ids: uint8 [H,W], the character at each pixel, 0 for none; None: nothing is known, all is kept.
    """
    if ids is None:
        return rgba.copy()
    if not ids.any():
        return np.zeros_like(rgba)
    height, width = ids.shape
    weight = cv2.resize(_nearness(ids), (width, height), interpolation=cv2.INTER_LINEAR)
    alpha = scaled(alpha_of(rgba), np.asarray(weight, np.uint8))
    return rgba_of(rgba, alpha)


def separated(rgba: Pixels, ids: Pixels, order: Sequence[int]) -> dict[int, Pixels]:
    """Divide the layer of all characters into one for each, uint8 [H,W,4], by id.

    Laid on each other in their order they give the merged layer again, to a level. Every pixel goes to the
    nearest character, with a transition of about two pixels; there the front one is soft, and the one
    behind it stays as opaque as both together have to be.

    Args:
        rgba: uint8 [H,W,4], straight alpha.
        ids: uint8 [H,W], 0 for none.
        order: the ids to divide between, from back to front; what others have goes to the nearest of these.
    """
    if len(order) < 2:
        return {identity: rgba.copy() for identity in order}
    alpha = alpha_of(rgba)
    left, top, width, height = cv2.boundingRect(alpha)
    box = slice(top, top + height), slice(left, left + width)
    layers = {identity: np.zeros_like(rgba) for identity in order}
    if not width:
        return layers
    shares = _shares(ids[box], order, max(0.7, CONTACT_SIGMA * len(ids)))
    for identity, part in zip(order, _divided(alpha[box], shares), strict=True):
        layers[identity][box] = rgba_of(rgba[box], part)
    return layers


def decontaminated(rgba: Pixels, frame: Pixels, plate: Pixels) -> Pixels:
    """The characters' own colours: what laid on the plate with this alpha gives the frame; a new array.

    Where no colour does, alpha is raised as little as possible, up to a miss of two levels, which noise
    may cause, and by 48 levels at most: what needs more is the plate's mistake, not the matte's. Opaque
    pixels show the frame, and what has no alpha stays without.

    Args:
        rgba: uint8 [H,W,4], straight alpha; its colours don't matter.
        frame: uint8 [H,W,3] RGB, with light and effects taken off (`effects.without`).
        plate: uint8 [H,W,3] RGB, as this frame shows it.
    """
    alpha = alpha_of(rgba)
    result = rgba_of(frame, alpha)
    soft = np.flatnonzero((alpha.ravel() - np.uint8(1)) < 254)
    if not soft.size:
        return result
    seen, behind = (picture.reshape(-1, 3)[soft][:, None] for picture in (frame, plate))
    given = alpha.reshape(-1, 1)[soft]
    most = cv2.add(given, np.full_like(given, RAISED))
    needed = np.maximum(given, np.minimum(most, least_alpha(seen, behind, NOISE)))
    solved = np.concatenate([colour_over(seen, behind, needed), needed[..., None]], axis=2)
    result.reshape(-1, 4)[soft] = solved[:, 0]
    return result


def _nearness(ids: Pixels) -> Pixels:
    """255 at characters and near them, falling to 0 with the distance; uint8 at a quarter of the size."""
    small = cv2.resize(ids, None, fx=1 / COARSE, fy=1 / COARSE, interpolation=cv2.INTER_NEAREST)
    distance = cv2.distanceTransform((small == 0).astype(np.uint8), cv2.DIST_L2, 3)
    rows = len(ids) / COARSE
    weight = (REACH + FADE - distance / rows) * (255 / FADE)
    return np.asarray(np.clip(weight, 0, 255), np.uint8)


def _shares(ids: Pixels, order: Sequence[int], sigma: float) -> list[Plane]:
    """How much of each pixel is each one's, float32 [H,W], 0..1, with the sum 1."""
    ranks = np.full(256, NOBODY, np.uint8)
    ranks[list(order)] = range(len(order))
    owner = ranks[ids]
    nearest = cv2.resize(_nearest(owner), owner.shape[::-1], interpolation=cv2.INTER_NEAREST)
    owner = np.where(owner == NOBODY, nearest, owner)
    own = [(owner == rank).astype(np.float32) for rank in range(len(order) - 1)]
    soft = [cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for plane in own]
    return [*soft, np.maximum(1 - sum(soft), 0)]


def _nearest(owner: Pixels) -> Pixels:
    """Rank of the nearest one at each pixel, at a quarter of the size; rank 0 where there is no one."""
    small = np.ascontiguousarray(owner[::COARSE, ::COARSE])
    known = small != NOBODY
    if not known.any():
        return np.zeros_like(small)
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    names = np.zeros(int(labels.max()) + 1, np.uint8)
    names[labels[known]] = small[known]
    return names[labels]


def _divided(alpha: Pixels, shares: Sequence[Plane]) -> list[Pixels]:
    """Alphas from back to front, uint8, that laid on each other let through what `alpha` lets through."""
    merged = alpha.astype(np.float32) / 255
    through = np.ones_like(merged)  # what the ones in front let pass
    parts: list[Pixels] = []
    for rank in range(len(shares) - 1, -1, -1):
        open_to = np.maximum(through, 1 / 510)
        most = 1 - (1 - merged) / open_to
        part = np.minimum(merged * shares[rank] / open_to, most) if rank else most
        part = np.where(through < 1 / 510, 0, np.clip(part, 0, 1))
        parts.append(np.asarray(np.rint(part * 255), np.uint8))
        through *= 1 - parts[-1] * np.float32(1 / 255)
    return parts[::-1]
