"""Frames whose layers are known, and what a heat of the real kind looks like."""

import io
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from samples.scene import GroundTruth
from trt_anime.runtime.layers.compositing import over
from trt_anime.runtime.results.layers import Blend

Pixels = NDArray[np.uint8]
Effect = NDArray[np.float32]

HEAT_SIDE = 88  # of the map that the network's 352 pixels give


@dataclass(frozen=True)
class Known:
    """A frame and its layers, uint8, RGBA with straight alpha; `effect` is float32, premultiplied, 0..1."""

    frame: Pixels
    plate: Pixels
    characters: Pixels
    ids: Pixels
    effect: Effect
    blend: Blend

    @property
    def alpha(self) -> Pixels:
        return self.characters[..., 3]

    @property
    def matte(self) -> Pixels:
        """As a network gives it: the right alpha, the frame's colours."""
        return np.dstack([self.frame, self.alpha])

    @property
    def effect_rgba(self) -> Pixels:
        alpha = self.effect[..., 3:]
        return levels(np.dstack([self.effect[..., :3] / np.maximum(alpha, 1e-6), alpha]))


def levels(values: Any) -> Pixels:
    """0..1 to 0..255."""
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def known(truth: GroundTruth) -> Known:
    """The generator's truth as layers of bytes."""
    characters = np.dstack([levels(truth.foreground), levels(truth.alpha)])
    blend: Blend = "add" if truth.effect_kind == "additive" else "over"
    return Known(truth.frame, truth.plate, characters, truth.instance, truth.effect, blend)


def with_veil(scene: Known, colour: tuple[int, int, int], opacity: float, blend: Blend) -> Known:
    """The scene with a soft slanting beam in place of its effect, over everything."""
    rows, columns = np.mgrid[: len(scene.frame), : scene.frame.shape[1]] / len(scene.frame)
    across = np.clip(1.2 - np.abs(rows - 0.4 - 0.2 * columns) / 0.18, 0, 1)
    alpha = across * across * (3 - 2 * across) * opacity * (0.8 + 0.2 * np.sin(9 * columns))
    effect = np.dstack([alpha[..., None] * (np.array(colour) / 255), alpha]).astype(np.float32)
    below = over(scene.characters, scene.plate) / 255
    through = 1 - effect[..., 3:] if blend == "over" else 1
    frame = levels(below * through + effect[..., :3])
    if blend == "add":
        effect[..., 3] = effect[..., :3].max(axis=2)
    return Known(frame, scene.plate, scene.characters, scene.ids, effect, blend)


def heat_of(effect: Effect, grow: int = 0, noise: float = 0.0) -> Pixels:
    """Coarse, blurred, cut off below a threshold; grown or shrunk by so many of its 88 places."""
    height, width = effect.shape[:2]
    there = (effect[..., 3] > 0.04).astype(np.float32)
    blurred = cv2.GaussianBlur(there, (0, 0), height / 60)
    small = np.asarray(1.6 * cv2.resize(blurred, (HEAT_SIDE, HEAT_SIDE), interpolation=cv2.INTER_AREA))
    change = cv2.dilate if grow > 0 else cv2.erode
    small = np.asarray(change(small, np.ones((2 * abs(grow) + 1,) * 2, np.uint8)))
    blobs = np.random.default_rng(3).normal(0, 1, small.shape).astype(np.float32)
    small = np.asarray(small + noise * cv2.GaussianBlur(blobs, (0, 0), 2) * 4)
    heat = levels(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))
    heat[heat < 90] = 0
    return heat


def coded(picture: Pixels, crf: int) -> Pixels:
    """As H.264 gives it back, with its blocks and its halved colour."""
    stored = io.BytesIO()
    with av.open(stored, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": str(crf)})
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    stored.seek(0)
    with av.open(stored, "r") as clip:
        return np.asarray(next(clip.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)


def narrower(mask: NDArray[np.bool_], side: int) -> Pixels:
    """uint8 [H,W], 0 or 1: eroded by a square."""
    return np.asarray(cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8)), np.uint8)


def noisy(picture: Pixels, sigma: float, seed: int = 1) -> Pixels:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.asarray(np.clip(np.rint(picture + noise), 0, 255), np.uint8)
