"""Clips on which held frames are judged: known drawings, encoded and decoded again.

The films are the generator's. The hard cases are one still picture in which something small, slow or faint
happens, at 720p.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np

from samples.arrays import F32, F64, U8
from samples.scene import Scene, SceneOptions
from samples.storyboard import Art

RATE = Fraction(24)
WIDTH, HEIGHT = 1280, 720
BASE_SEED = 5
SKIN, LIPS, PALE_LIPS, LASH, IRIS = (
    (255, 230, 212),
    (150, 52, 60),
    (225, 180, 165),
    (70, 30, 34),
    (44, 92, 170),
)
FACE = (640, 300)


@dataclass(frozen=True)
class Clip:
    """Frames that can be drawn.

    Attributes:
        drawings: for each frame a number; equal numbers are the very same picture.
        starts: frames with which a shot begins.
        draw: frame number to uint8 [height, width, 3] RGB.
        must: whether a changed frame taken for a repeat is a failure.
    """

    name: str
    drawings: tuple[int, ...]
    starts: tuple[int, ...]
    draw: Callable[[int], U8]
    must: bool = False

    def held(self, index: int) -> bool:
        """Whether frame `index` is the same picture as the one before it, within a shot."""
        return index > 0 and index not in self.starts and self.drawings[index] == self.drawings[index - 1]


@dataclass(frozen=True)
class Quality:
    """How a clip is encoded before it is judged."""

    codec: str
    crf: int

    @property
    def title(self) -> str:
        return f"{self.codec.removeprefix('lib')} crf {self.crf}"


def film(art: Art, seed: int, width: int, height: int, frames: int) -> Clip:
    scene = Scene(SceneOptions(seed=seed, width=width, height=height, frames=frames, art=art))
    pictures: dict[int, U8] = {}

    def draw(index: int) -> U8:
        original = scene.held[index]
        if original not in pictures:
            pictures[original] = scene.render(original).frame
        return pictures[original]

    starts = tuple(shot.first for shot in scene.shots)
    return Clip(f"{art} {seed}, {height}p", scene.held, starts, draw, must=True)


def hard_cases(frames: int) -> list[Clip]:
    """The cases by what happens in them; on ones unless they say twos."""
    ones, twos = tuple(range(frames)), tuple(index // 2 for index in range(frames))
    in_turn = tuple(index // 2 % 3 for index in range(frames))

    def case(name: str, drawings: tuple[int, ...], draw: Callable[[int], U8], *, must: bool) -> Clip:
        return Clip(name, drawings, (0,), lambda index: draw(drawings[index]), must)

    return [
        case("pan across, ¼ px a frame", ones, lambda d: moved(base(), -0.25 * d, 0), must=True),
        case("pan down, ¼ px a frame", ones, lambda d: moved(base(), 0, -0.25 * d), must=True),
        case("pan aslant, ¼ px a frame", ones, lambda d: moved(base(), -0.18 * d, -0.18 * d), must=True),
        case("zoom, 0.05 % a frame", ones, zoomed, must=True),
        case("a tenth of the picture slides, ¼ px a frame", ones, sliding, must=True),
        case("background pans behind a still figure, ¼ px a frame", ones, panned_behind, must=True),
        case("fade, 1 level a frame", ones, faded, must=True),
        case("dissolve over 96 frames", ones, dissolved, must=True),
        case("mouth of 12x6 px talks, on twos", in_turn, lambda d: talking(d, LIPS), must=True),
        case("pale mouth of 12x6 px talks, on twos", in_turn, lambda d: talking(d, PALE_LIPS), must=False),
        case("eyes of 16 px close by 2 px, on twos", in_turn, blinking, must=True),
        case("figure of 6x14 px walks 1 px, on twos", twos, walking, must=True),
        case("snow, flakes of 2.5 px", ones, snowing, must=True),
        case("rain, streaks of 1 px", ones, raining, must=True),
        case("star of 2x2 px, on twos", twos, lambda d: sparkling(d, 2), must=False),
        case("star of 1 px, on twos", twos, lambda d: sparkling(d, 1), must=False),
        case("glow of 90 px pulses by 12 levels, on twos", twos, pulsing, must=False),
        case("film grain, 4 levels", ones, grainy, must=False),
        case("nothing moves", (0,) * frames, lambda d: base(), must=True),
    ]


@lru_cache(maxsize=1)
def base() -> U8:
    """The still picture: one frame of the drawn film, two characters before house fronts."""
    scene = Scene(SceneOptions(seed=BASE_SEED, width=WIDTH, height=HEIGHT, frames=96))
    return scene.render(60).frame


def moved(picture: U8, dx: float, dy: float) -> U8:
    """Shifted by part of a pixel, mirrored at the edges."""
    return _warped(picture, np.array([[1, 0, dx], [0, 1, dy]]))


def zoomed(drawing: int) -> U8:
    return _warped(base(), cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 0, 1 + 0.0005 * drawing))


def sliding(drawing: int) -> U8:
    """An oval of another texture moves over the still picture."""
    oval = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(oval, (500, 400), (120, 240), 0, 0, 360, 255, -1, cv2.LINE_AA)
    dx = 0.25 * drawing
    return _blend(base(), moved(np.ascontiguousarray(base()[:, ::-1]), dx, 0), moved(oval, dx, 0))


def panned_behind(drawing: int) -> U8:
    still = np.zeros((HEIGHT, WIDTH), np.uint8)
    still[:, 250:1030] = 255
    return _blend(moved(base(), -0.25 * drawing, 0), base(), still)


def faded(drawing: int) -> U8:
    return _levels(base() - np.float32(drawing))


def dissolved(drawing: int) -> U8:
    mask = np.full((HEIGHT, WIDTH), round(255 * min(1.0, drawing / 96)), np.uint8)
    return _blend(base(), np.ascontiguousarray(base()[:, ::-1]), mask)


def talking(drawing: int, lips: tuple[int, int, int]) -> U8:
    picture = _with_face()
    cv2.ellipse(picture, FACE, (6, (1, 3, 2)[drawing]), 0, 0, 360, lips, -1, cv2.LINE_AA)
    return picture


def blinking(drawing: int) -> U8:
    picture, lid = _with_face(), 294 + 2 * drawing
    for x in (620, 660):
        cv2.circle(picture, (x, 300), 8, (250, 250, 255), -1, cv2.LINE_AA)
        cv2.circle(picture, (x, 301), 5, IRIS, -1, cv2.LINE_AA)
        cv2.rectangle(picture, (x - 10, 288), (x + 10, lid), SKIN, -1)
        cv2.line(picture, (x - 8, lid), (x + 8, lid), LASH, 2, cv2.LINE_AA)
    return picture


def walking(drawing: int) -> U8:
    picture = _with_face()
    cv2.ellipse(picture, (600 + drawing, 300), (3, 7), 0, 0, 360, (60, 50, 70), -1, cv2.LINE_AA)
    return picture


def snowing(drawing: int) -> U8:
    picture, chance = base().copy(), np.random.default_rng(1)
    for x, y, speed in chance.uniform((0, 0, 0.5), (WIDTH, HEIGHT, 1.5), (80, 3)):
        at = (x + 3 * np.sin(drawing / 20 + x), (y + speed * drawing) % HEIGHT)
        sixteenths = (round(16 * at[0]), round(16 * at[1]))
        cv2.circle(picture, sixteenths, 20, (250, 250, 255), -1, cv2.LINE_AA, shift=4)
    return picture


def raining(drawing: int) -> U8:
    picture, chance = base().copy(), np.random.default_rng(drawing)
    for x, y, length in chance.integers((0, 0, 15), (WIDTH, HEIGHT, 40), (60, 3)).tolist():
        cv2.line(picture, (x, y), (x + length // 6, y + length), (205, 210, 220), 1, cv2.LINE_AA)
    return picture


def sparkling(drawing: int, side: int) -> U8:
    """White where the picture isn't bright, so that there is something to see."""
    picture, chance = base().copy(), np.random.default_rng(drawing)
    while True:
        x, y = chance.integers((20, 20), (WIDTH - 20, HEIGHT - 20)).tolist()
        if picture[y, x].max() < 100:
            picture[y : y + side, x : x + side] = 255
            return picture


def pulsing(drawing: int) -> U8:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    glow = np.exp(-((columns - 900) ** 2 + (rows - 250) ** 2) / (2 * 90**2))
    return _levels(base() + (12 * np.sin(drawing / 3) * glow)[..., None])


def grainy(drawing: int) -> U8:
    return _levels(base() + np.random.default_rng(drawing).normal(0, 4, (HEIGHT, WIDTH, 1)))


def recoded(clip: Clip, quality: Quality | None) -> Iterator[U8]:
    """The clip's frames after encoding and decoding, uint8 [height, width, 3] RGB; None: as drawn."""
    count = len(clip.drawings)
    if quality is None:
        yield from (clip.draw(index) for index in range(count))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mkv"
        encode(path, (clip.draw(index) for index in range(count)), quality)
        yield from decoded(path)


def encode(path: Path, pictures: Iterator[U8], quality: Quality) -> None:
    """4:2:0, 8 bits, preset medium, as most of what people have."""
    with av.open(str(path), "w") as container:
        first = next(pictures)
        stream = container.add_stream(quality.codec, rate=RATE, options=_options(quality))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in _after(first, pictures):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def decoded(path: Path) -> Iterator[U8]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _options(quality: Quality) -> dict[str, str]:
    options = {"crf": str(quality.crf), "preset": "medium"}
    return options | ({"x265-params": "log-level=none"} if quality.codec == "libx265" else {})


def _after(first: U8, rest: Iterator[U8]) -> Iterator[U8]:
    yield first
    yield from rest


def _with_face() -> U8:
    picture = base().copy()
    cv2.ellipse(picture, FACE, (60, 50), 0, 0, 360, SKIN, -1, cv2.LINE_AA)
    return picture


def _warped(picture: U8, matrix: object) -> U8:
    moved_by = np.asarray(matrix, np.float64)
    size = (picture.shape[1], picture.shape[0])
    warped = cv2.warpAffine(picture, moved_by, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(warped, np.uint8)


def _blend(under: U8, over: U8, mask: U8) -> U8:
    """`mask`: uint8 [height, width]; 255 shows `over`."""
    weight = (mask / np.float32(255))[..., None]
    return _levels(under * (1 - weight) + over * weight)


def _levels(picture: F32 | F64) -> U8:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
