"""A film of many cuts, with what detectors mistake for cuts, and detectors to compare with ours."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

import av
import av.filter
import cv2
import numpy as np

from benchmarks.held_clips import Clip, film
from samples.arrays import U8
from trt_anime.runtime.lookahead.reduced import Reduced
from trt_anime.runtime.lookahead.stage import LookAhead

WIDTH, HEIGHT = 640, 360
SHOTS = 120
EVENTS = (
    "nothing",
    "nothing",
    "nothing",
    "flash",
    "impact frame",
    "fast pan",
    "object rushes past",
    "fade in",
)
SCDET_SCORE = 10.0  # the filter's default
Detector = Callable[[Iterable[U8]], list[bool]]


@dataclass(frozen=True)
class CutFilm:
    """`events`: for each frame what happens around it, ``nothing`` for most."""

    clip: Clip
    events: tuple[str, ...]


def cut_film(seed: int) -> CutFilm:
    """Shots of 6 to 30 frames from two films of the generator, cropped, mirrored and darkened at random."""
    chance = np.random.default_rng(seed)
    pool = _pool()
    frames: list[U8] = []
    starts: list[int] = []
    events: list[str] = []
    source = -1
    for _ in range(SHOTS):
        source = int(chance.choice([number for number in range(len(pool)) if number != source]))
        shot, event = _with_event(_variant(_part(pool[source], chance), chance), chance)
        starts.append(len(frames))
        frames += shot
        events += [event] * len(shot)
    clip = Clip("cuts", tuple(range(len(frames))), tuple(starts), frames.__getitem__)
    return CutFilm(clip, tuple(events))


def _pool() -> list[list[U8]]:
    shots = []
    for seed in (5, 23):
        clip = film("procedural", seed, WIDTH, HEIGHT, 96)
        ends = [*clip.starts[1:], len(clip.drawings)]
        shots += [[clip.draw(i) for i in range(a, b)] for a, b in zip(clip.starts, ends, strict=True)]
    return shots


def _part(shot: list[U8], chance: np.random.Generator) -> list[U8]:
    count = int(chance.integers(6, 31))
    start = int(chance.integers(0, max(1, len(shot) - count)))
    return shot[start : start + count]


def _variant(shot: list[U8], chance: np.random.Generator) -> list[U8]:
    if chance.random() < 0.3:  # closer
        shot = [np.asarray(cv2.resize(frame[60:300, 100:527], (WIDTH, HEIGHT)), np.uint8) for frame in shot]
    if chance.random() < 0.3:
        shot = [np.ascontiguousarray(frame[:, ::-1]) for frame in shot]
    if chance.random() < 0.25:  # night
        shot = [_times(frame, (0.45, 0.5, 0.8)) for frame in shot]
    return shot


def _with_event(shot: list[U8], chance: np.random.Generator) -> tuple[list[U8], str]:
    event = str(chance.choice(EVENTS))
    shot, middle = list(shot), len(shot) // 2
    if event == "flash":
        light = int(chance.choice([170, 255]))
        for index in range(middle, middle + int(chance.integers(1, 3))):
            shot[index] = np.minimum(shot[index], 255 - light) + np.uint8(light)
    elif event == "impact frame":
        shot[middle] = 255 - shot[middle]
    elif event == "fast pan":
        speed = int(chance.integers(20, 61))
        sheet = np.concatenate([shot[0], shot[0][:, ::-1]] * 2, axis=1)
        lefts = (min(speed * index, sheet.shape[1] - WIDTH) for index in range(len(shot)))
        shot = [np.ascontiguousarray(sheet[:, left : left + WIDTH]) for left in lefts]
    elif event == "object rushes past":
        shot = [frame.copy() for frame in shot]
        for index, frame in enumerate(shot):
            frame[:, max(0, 90 * index - 300) : max(0, 90 * index)] = (30, 20, 40)
    elif event == "fade in":
        lights = [min(1.0, (index + 1) / 8) for index in range(len(shot))]
        shot = [_times(frame, (light, light, light)) for frame, light in zip(shot, lights, strict=True)]
    return shot, event


def _times(frame: U8, factors: tuple[float, float, float]) -> U8:
    scaled: U8 = np.clip(np.rint(frame * np.array(factors)), 0, 255).astype(np.uint8)
    return scaled


def ours(frames: Iterable[U8]) -> list[bool]:
    ahead = LookAhead(preset="balanced", held=False)
    return [ahead.judge(frame).shot_start for frame in frames]


def content(frames: Iterable[U8]) -> list[bool]:
    from scenedetect import ContentDetector

    return _detected(ContentDetector(min_scene_len=0), frames)


def adaptive(frames: Iterable[U8]) -> list[bool]:
    from scenedetect import AdaptiveDetector

    return _detected(AdaptiveDetector(min_scene_len=1), frames)


def hashed(frames: Iterable[U8]) -> list[bool]:
    from scenedetect import HashDetector

    return _detected(HashDetector(min_scene_len=1), frames)


def _detected(detector: object, frames: Iterable[U8]) -> list[bool]:
    from scenedetect import FrameTimecode, SceneDetector

    assert isinstance(detector, SceneDetector)
    found: list[int] = []
    count = 0
    for frame in frames:
        small = np.asarray(cv2.cvtColor(Reduced.of(frame).small, cv2.COLOR_RGB2BGR), np.uint8)
        found += [
            time_code.frame_num for time_code in detector.process_frame(FrameTimecode(count, 24.0), small)
        ]
        count += 1
    return [index == 0 or index in found for index in range(count)]


def scdet(frames: Iterable[U8]) -> list[bool]:
    """FFmpeg's filter at its default threshold, on luma as small as the others get it."""
    graph: av.filter.Graph | None = None
    found = []
    for index, frame in enumerate(frames):
        grey = cv2.cvtColor(Reduced.of(frame).small, cv2.COLOR_RGB2GRAY)
        if graph is None:
            graph = _scdet_graph(grey.shape[1], grey.shape[0])
        picture = av.VideoFrame.from_ndarray(np.asarray(grey, np.uint8), format="gray")
        picture.pts, picture.time_base = index, Fraction(1, 24)
        graph.push(picture)
        score = float(graph.pull().metadata["lavfi.scd.score"])
        found.append(index == 0 or score >= SCDET_SCORE)
    return found


def _scdet_graph(width: int, height: int) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat("gray", width, height), time_base=Fraction(1, 24)
    )
    detector, sink = graph.add("scdet"), graph.add("buffersink")
    source.link_to(detector)
    detector.link_to(sink)
    graph.configure()
    return graph


DETECTORS: dict[str, Detector] = {
    "ours: content score and a jump in it": ours,
    "PySceneDetect ContentDetector": content,
    "PySceneDetect AdaptiveDetector, 2 frames late": adaptive,
    "PySceneDetect HashDetector": hashed,
    "FFmpeg scdet": scdet,
}


def cpu_ms(detector: Detector, frames: list[U8]) -> float:
    """Milliseconds of this thread a frame, the reduction to a small picture included."""
    start = time.thread_time()
    detector(frames)
    return 1000 * (time.thread_time() - start) / len(frames)
