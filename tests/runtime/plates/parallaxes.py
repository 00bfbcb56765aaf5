"""A wood that passes before hills: two sheets at two speeds, and what each frame shows of both."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.runtime.plates.shoots import PAINTING, SIZE, camera, painting, walker
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.seen import Matrix, Seen

FRAMES = 14
SPEEDS = (5.3, 13.9)
"""Of the far and of the near sheet, pixels a frame."""


@cache
def wood() -> NDArray[np.float32]:
    """float32 [720,1600,4], premultiplied, 0..255 and 0..1: ground, trunks and crowns with gaps."""
    rng = np.random.default_rng(11)
    cover = np.zeros(PAINTING, np.uint8)
    cover[345:] = 255
    for x in range(330, 900, 62):
        cv2.rectangle(cover, (x - 5, 270), (x + 5, 350), 255, -1)
        for _ in range(26):
            leaf = (int(x + rng.normal(0, 15)), int(262 + rng.normal(0, 14)))
            cv2.ellipse(cover, leaf, (9, 5), float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
    alpha = cv2.GaussianBlur(cover, (0, 0), 0.7).astype(np.float32) / 255
    colours = painting(5).astype(np.float32)
    return np.dstack([colours * alpha[..., None], alpha]).astype(np.float32)


@cache
def hills() -> Pixels:
    """uint8 [720,1600,3]: another painting, soft."""
    return np.asarray(cv2.GaussianBlur(painting(3), (0, 0), 1.2), np.uint8)


def _drawn(sheet: NDArray[np.float32], matrix: Matrix) -> NDArray[np.float32]:
    """At twice the size, then halved: as `shoots.drawn`."""
    twice = matrix @ np.diag([0.5, 0.5, 1.0])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    large = cv2.warpPerspective(sheet, twice, (SIZE[1] * 2, SIZE[0] * 2), flags=flags)
    return np.asarray(cv2.GaussianBlur(large, (0, 0), 0.8)[::2, ::2], np.float32)


@cache
def wood_plate(number: int, near: bool = True) -> Pixels:
    """uint8 [H,W,3]: the background of a frame, of both sheets or of the far one."""
    far_at, near_at = (camera(500 + speed * number, 300) for speed in SPEEDS)
    picture = _drawn(hills().astype(np.float32), far_at)
    if near:
        front = _drawn(wood(), near_at)
        picture = picture * (1 - front[..., 3:]) + front[..., :3]
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


@dataclass(frozen=True)
class Parallax:
    """A shot. `share`: of the frame that the walker covers. `noise`: levels."""

    share: float = 0.15
    noise: float = 0.0

    def hidden(self, number: int) -> Pixels:
        return walker(number, self.share)

    def frames(self) -> Iterator[Seen]:
        for number in range(FRAMES):
            rng = np.random.default_rng(number)
            hidden = self.hidden(number)
            coat = np.roll(painting(7)[: SIZE[0], : SIZE[1]], 5 * number, 1)
            picture = np.where(hidden[..., None] > 0, coat, wood_plate(number)).astype(np.float32)
            picture += rng.normal(0, self.noise, picture.shape) if self.noise else 0
            yield Seen(number, np.clip(np.rint(picture), 0, 255).astype(np.uint8), hidden)
