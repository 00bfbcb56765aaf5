"""Held frames and shots: what the look-ahead finds, what it gets wrong, what it costs.

    python -m benchmarks.held_frames

Writes its record, docs/held_frames.md and what is quoted of it; with options, prints only. Exits 1 when a
change that must be seen is taken for a repeat, when too few held frames are found, or when a frame costs
too much.
"""

import argparse
import time
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from benchmarks import records
from benchmarks.held_clips import Clip, Quality, decoded, film, hard_cases, recoded
from benchmarks.held_cuts import DETECTORS, CutFilm, cpu_ms, cut_film
from benchmarks.held_report import Cost, CutScore, Findings, Tally, document, failures
from samples.arrays import U8
from trt_anime.errors import TrtAnimeError
from trt_anime.runtime.lookahead.held import LIMITS
from trt_anime.runtime.lookahead.stage import LookAhead

ROOT = Path(__file__).parents[1]
COMMAND = "python -m benchmarks.held_frames"
PACKAGES = ("trt-anime", "opencv-python-headless", "scenedetect-headless", "av")
QUALITIES = (
    None,
    Quality("libx264", 18),
    Quality("libx264", 23),
    Quality("libx264", 28),
    Quality("libx265", 23),
)
# The limits were set on seeds 3, 7 and 11.
FILMS = (("procedural", 5, 1280, 720), ("sprites", 9, 1280, 720), ("procedural", 23, 1920, 1080))
FILM_FRAMES, CASE_FRAMES = 72, 16
COST_FRAMES, COST_ROUNDS = 48, 9


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        findings = _measured(given.film_frames, given.case_frames)
        content = records.facts(COMMAND, PACKAGES) | findings.content()
        print(document(content))
        if given == _parser().parse_args([]):
            records.keep("held_frames", content)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return int(bool(failures(findings)))


def _measured(film_frames: int, case_frames: int) -> Findings:
    films: dict[str, list[Tally]] = {}
    for art, seed, width, height in FILMS:
        clip = film("sprites" if art == "sprites" else "procedural", seed, width, height, film_frames)
        for quality in QUALITIES:
            films.setdefault(_title(quality), []).append(_judged(clip, quality))
    light = film("sprites", 7, 1280, 720, 96)
    first_light = tally(light, decoded(ROOT / "samples" / "first_light.mp4"))
    cases: dict[str, dict[str, Tally]] = {}
    for clip in hard_cases(case_frames):
        cases[clip.name] = {_title(quality): _judged(clip, quality) for quality in QUALITIES}
    cuts = cut_film(seed=1)
    pictures = list(recoded(cuts.clip, Quality("libx264", 23)))
    scores = {name: _cut_score(name, cuts, pictures) for name in DETECTORS}
    return Findings(films, first_light, cases, scores, _costs())


def _title(quality: Quality | None) -> str:
    return "as drawn" if quality is None else quality.title


def _judged(clip: Clip, quality: Quality | None) -> Tally:
    print(clip.name, _title(quality), flush=True)
    return tally(clip, recoded(clip, quality))


def tally(clip: Clip, frames: Iterable[U8]) -> Tally:
    """Judge a clip's frames, as they are after decoding, once for each preset."""
    sums = {preset: _Sums(preset) for preset in LIMITS}
    for index, picture in enumerate(frames):
        for preset in sums.values():
            preset.add(clip, index, picture)
    held = sum(clip.held(index) for index in range(len(clip.drawings)))
    return Tally(
        must=clip.must,
        held=held,
        changed=len(clip.drawings) - held,
        found={preset: one.found for preset, one in sums.items()},
        wrong={preset: one.wrong for preset, one in sums.items()},
        starts=len(clip.starts),
        starts_found=next(iter(sums.values())).starts_found,
        starts_wrong=next(iter(sums.values())).starts_wrong,
    )


class _Sums:
    def __init__(self, preset: str) -> None:
        self._ahead = LookAhead(preset=preset)
        self._fresh = 0
        self._picture = np.zeros((0, 0, 3), np.uint8)
        self.found = self.wrong = self.starts_found = self.starts_wrong = 0

    def add(self, clip: Clip, index: int, picture: U8) -> None:
        verdict = self._ahead.judge(picture)
        if verdict.shot_start:
            self.starts_found += index in clip.starts
            self.starts_wrong += index not in clip.starts
        if not verdict.repeat:
            self._fresh, self._picture = index, picture
            return
        self.found += clip.held(index)
        # The encoder may have dropped a change altogether: what decodes to the same bytes is a repeat.
        same = clip.drawings[index] == clip.drawings[self._fresh]
        self.wrong += not same and not np.array_equal(picture, self._picture)


def _cut_score(name: str, cuts: CutFilm, pictures: list[U8]) -> CutScore:
    found = DETECTORS[name](pictures)
    truth = [index in cuts.clip.starts for index in range(len(found))]
    wrong = [event for event, hit, true in zip(cuts.events, found, truth, strict=True) if hit and not true]
    return CutScore(
        cuts=sum(truth),
        found=sum(hit and true for hit, true in zip(found, truth, strict=True)),
        wrong={event: wrong.count(event) for event in dict.fromkeys(sorted(wrong))},
        cpu_ms=cpu_ms(DETECTORS[name], pictures),
    )


def _costs() -> dict[str, Cost]:
    """1080p, h264 crf 23; the calling thread's CPU time, with OpenCV kept to that thread."""
    clip = film("procedural", 23, 1920, 1080, COST_FRAMES)
    pictures = list(recoded(clip, Quality("libx264", 23)))
    return {preset: _cost(preset, pictures) for preset in LIMITS}


def _cost(preset: str, pictures: list[U8]) -> Cost:
    rounds = np.array([_times_ms(preset, pictures) for _ in range(COST_ROUNDS)])
    times = rounds.min(axis=0)  # other load can only add
    ahead = LookAhead(preset=preset)
    repeat = np.array([ahead.judge(picture).repeat for picture in pictures])
    return Cost(
        repeat=float(np.median(times[repeat])),
        fresh=float(np.median(times[~repeat])),
        median=float(np.median(times)),
        mean=float(np.mean(times)),
        high=float(np.quantile(times, 0.95)),
    )


def _times_ms(preset: str, pictures: list[U8]) -> list[float]:
    ahead = LookAhead(preset=preset)
    times = []
    for picture in pictures:
        start = time.thread_time()
        ahead.judge(picture)
        times.append(1000 * (time.thread_time() - start))
    return times


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.held_frames", description=__doc__)
    for name, count, what in (("film", FILM_FRAMES, "each film"), ("case", CASE_FRAMES, "each hard case")):
        parser.add_argument(
            f"--{name}-frames", type=int, default=count, help=f"frames of {what} [default: {count}]"
        )
    parser.add_argument("--no-docs", action="store_true", help="print only, write nothing")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
