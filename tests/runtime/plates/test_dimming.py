"""A background that is never without light: frames show it through the light, nothing is invented."""

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from tests.runtime.plates.shoots import SIZE, Shoot, camera, psnr
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.plates.dimming import dimmed, no_brighter
from trt_anime.runtime.plates.filling import fill_simple
from trt_anime.runtime.plates.making import plates_of
from trt_anime.runtime.plates.motions import followed
from trt_anime.runtime.plates.seen import Frames, Seen

FRAMES = 8
SHOOT = Shoot(tuple(camera(500, 300 + step) for step in range(FRAMES)), share=0.0, noise=1.0)
GLOW = (slice(SIZE[0] // 4, 3 * SIZE[0] // 4), slice(SIZE[1] // 4, 3 * SIZE[1] // 4))


def heat() -> Pixels:
    plane = np.zeros(SIZE, np.uint8)
    plane[GLOW] = 255
    return plane


def lit(strengths: tuple[float, ...]) -> Iterator[Seen]:
    """A soft light that stays in the frame's middle, so strong in each frame."""
    light = cv2.GaussianBlur(heat().astype(np.float32), (0, 0), SIZE[0] / 20)[..., None]
    light[heat() == 0] = 0
    for seen, strength in zip(SHOOT.frames(), strengths, strict=True):
        bright = np.clip(seen.rgb + strength * light * (0.3, 0.5, 1.0), 0, 255)
        yield Seen(seen.index, np.rint(bright).astype(np.uint8), heat(), lit=heat())


def pulsing() -> Iterator[Seen]:
    return lit((0.5, 0.3, 0.1, 0.02, 0.1, 0.3, 0.5, 0.7))


def inside(frames: Frames) -> float:
    """dB of the plate where there is always light."""
    (plate,) = plates_of(frames, fill_simple)
    views = np.stack([plate.view(number) for number in range(FRAMES)])
    truths = np.stack([SHOOT.plate(number) for number in range(FRAMES)])
    deep = cv2.erode(heat(), np.ones((2 * FRAMES + 9,) * 2, np.uint8)) > 0
    return psnr(views, truths, np.broadcast_to(deep, views.shape[:3]))


def test_the_frames_with_the_least_light_are_taken() -> None:
    invented = inside(lambda: (replace(seen, lit=None) for seen in pulsing()))
    assert inside(pulsing) > 30 > invented + 8


def test_where_the_background_shows_clear_nothing_changes() -> None:
    def passing() -> Iterator[Seen]:
        for number, seen in enumerate(pulsing()):
            shown = np.roll(heat(), number * SIZE[1] // 2, 1) if number % 2 else seen.hidden
            yield replace(seen, hidden=shown, lit=shown)

    motions, _ = followed(passing)
    for before, after in zip(passing(), dimmed(passing, motions)(), strict=True):
        opened = (before.hidden > 0) & (after.hidden == 0)
        assert opened.mean() < 0.02


def test_characters_stay_hidden() -> None:
    body = np.zeros(SIZE, np.uint8)
    body[SIZE[0] // 3 : 2 * SIZE[0] // 3, SIZE[1] // 3 : SIZE[1] // 2] = 255

    def with_body() -> Iterator[Seen]:
        for seen in pulsing():
            yield replace(seen, lit=np.where(body > 0, np.uint8(0), seen.hidden))

    motions, _ = followed(with_body)
    opened = 0
    for seen in dimmed(with_body, motions)():
        opened += int((seen.hidden[heat() > 0] == 0).sum())
        assert (seen.hidden[body > 0] == 255).all()
        assert seen.lit is not None and (seen.hidden[heat() == 0] == 0).all()
    assert opened


def test_what_is_invented_is_no_brighter_than_a_frame_shows_it() -> None:
    seen = next(pulsing())
    invented = np.zeros(SIZE, np.uint8)
    invented[: SIZE[0] // 2] = 255
    view = np.full((*SIZE, 3), 130, np.uint8)
    found = no_brighter(view, seen, invented)
    changed = (invented > 0) & (heat() > 0)
    assert (found[changed] == np.minimum(130, seen.rgb[changed])).all()
    assert (found[~changed] == 130).all() and (view == 130).all()
    assert no_brighter(view, replace(seen, lit=None), invented) is view
