"""The first pass: shots, and which frames repeat."""

from collections.abc import Callable, Iterator

from trt_anime.runtime.lookahead.stage import LookAhead
from trt_anime.runtime.media.frames import FrameSource, Landmark
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.results.shots import Shot

# Longer shots are cut where a fresh frame begins, so that what a pass keeps of a shot, and what a kill can
# cost, doesn't grow with it: 20 seconds of film.
LONGEST = 480


def look(
    options: ProcessOptions, advance: Callable[[int], None]
) -> tuple[list[Shot], tuple[Landmark, ...]]:
    """All shots of the clip, or of its first `options.limit` frames; and where it may be read from.

    Args:
        advance: called with the number of frames just seen.

    Raises:
        TrtAnimeError: the clip breaks off or a frame can't be decoded.
    """
    shots: list[Shot] = []
    fresh: list[int] = []
    continues, seen = False, 0

    def end() -> None:
        shots.append(Shot(len(shots) + 1, fresh[0], seen, tuple(fresh), continues))
        fresh.clear()

    with open_source(options.input, threads=options.cores, rate=options.rate) as source:
        for index, is_fresh, begins in _judged(options, source):
            too_long = is_fresh and bool(fresh) and index - fresh[0] >= LONGEST
            if fresh and (begins or too_long):
                end()
                continues = too_long and not begins
            if is_fresh or not fresh:
                fresh.append(index)
            seen = index + 1
            advance(1)
    end()
    return shots, source.landmarks


def _judged(options: ProcessOptions, source: FrameSource) -> Iterator[tuple[int, bool, bool]]:
    """Index of each frame, whether it is fresh, whether a shot begins with it."""
    judge = LookAhead(preset=options.preset, held=options.held)
    judge.begin_segment()
    for frame in source:
        if options.limit is not None and frame.stamp.index >= options.limit:
            return
        verdict = judge.judge(frame.rgb)
        yield frame.stamp.index, not verdict.repeat, verdict.shot_start
