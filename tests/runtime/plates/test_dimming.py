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
        yield Seen(seen.index, np.rint(bright).astype(np.uint8), heat(), figures=np.zeros(SIZE, np.uint8))


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
    invented = inside(lambda: (replace(seen, figures=None) for seen in pulsing()))
    assert inside(pulsing) > 30 > invented + 8


def test_where_the_background_shows_clear_nothing_changes() -> None:
    def passing() -> Iterator[Seen]:
        for number, seen in enumerate(pulsing()):
            shown = np.roll(heat(), number * SIZE[1] // 2, 1) if number % 2 else seen.hidden
            yield replace(seen, hidden=shown)

    motions, _ = followed(passing)
    for before, after in zip(passing(), dimmed(passing, motions)(), strict=True):
        opened = (before.hidden > 0) & (after.hidden == 0)
        assert opened.mean() < 0.02


def test_characters_stay_hidden() -> None:
    body = np.zeros(SIZE, np.uint8)
    body[SIZE[0] // 3 : 2 * SIZE[0] // 3, SIZE[1] // 3 : SIZE[1] // 2] = 255

    def with_body() -> Iterator[Seen]:
        for seen in pulsing():
            yield replace(seen, figures=body)

    motions, _ = followed(with_body)
    opened = 0
    for seen in dimmed(with_body, motions)():
        opened += int((seen.hidden[heat() > 0] == 0).sum())
        assert (seen.hidden[body > 0] == 255).all()
        assert (seen.hidden[heat() == 0] == 0).all()
    assert opened


def test_what_is_invented_is_no_brighter_than_a_frame_shows_it() -> None:
    seen = next(pulsing())
    invented = np.zeros(SIZE, np.uint8)
    invented[: SIZE[0] // 2] = 255
    view = np.full((*SIZE, 3), 130, np.uint8)
    found = no_brighter(view, seen, invented, light=False)
    assert (found[invented > 0] == np.minimum(130, seen.rgb[invented > 0])).all()
    assert (found[invented == 0] == 130).all() and (view == 130).all()
    assert no_brighter(view, replace(seen, figures=None), invented, light=True) is view


def test_what_is_invented_is_no_brighter_than_shows_through_a_character() -> None:
    rgb, view = np.full((*SIZE, 3), 60, np.uint8), np.full((*SIZE, 3), 200, np.uint8)
    figures = np.zeros(SIZE, np.uint8)
    figures[:, 20:40], figures[:, 40:] = 102, 255
    seen = Seen(0, rgb, np.full(SIZE, 255, np.uint8), figures=figures)
    found = no_brighter(view, seen, np.full(SIZE, 255, np.uint8), light=False)
    assert (found[:, :20] == 60).all()
    assert (found[:, 20:40] == 100).all()  # 60 / (1 - 0.4)
    assert (found[:, 40:] == 200).all()


def test_light_leaves_no_place_darker_than_the_background() -> None:
    """Two sheets taken for one: other frames show the place brighter than it is behind this one's light."""
    rgb, view = np.full((*SIZE, 3), 60, np.uint8), np.full((*SIZE, 3), 62, np.uint8)
    view[20:60] = 110
    figures = np.zeros(SIZE, np.uint8)
    figures[:, :30] = 128
    seen = Seen(0, rgb, np.full(SIZE, 255, np.uint8), figures=figures)
    nothing = np.zeros(SIZE, np.uint8)
    found = no_brighter(view, seen, nothing, light=True)
    assert (found[20:60, 40:] == 64).all(), "as the frame has it, but for noise"
    assert (found[20:60, :30] == 110).all(), "a character may be darker"
    assert (found[:20] == 62).all(), "noise is left as it is"
    assert (no_brighter(view, seen, nothing, light=False) == view).all()
