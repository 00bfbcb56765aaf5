"""Stage 3: the same characters from frame to frame, and from shot to shot."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from trt_anime.runtime.characters.following import KeySchedule, track_shot
from trt_anime.runtime.characters.propagation import Propagator
from trt_anime.runtime.passes.context import Context, Made, OfShot
from trt_anime.runtime.passes.segment import KeyFrames, Segment, items
from trt_anime.runtime.results import places
from trt_anime.runtime.results.planes import write_frame
from trt_anime.runtime.results.shots import Shot


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """Raises what the tools `segmenter` and `propagator` raise."""
    with context.tools.segmenter(context) as segment, context.tools.propagator(context) as propagator:
        yield partial(_track, context, segment, propagator)


def _track(context: Context, segment: Segment, propagator: Propagator, shot: Shot) -> Made:
    before = context.facts("segment").get(shot.number, {}).get("segments", {})
    frames = KeyFrames(context, segment, before)
    schedule = KeySchedule(every=context.choices.segmentation.key_every)
    files = []
    people: dict[str, object] = {}
    for one in track_shot(frames.watching(items(context, shot)), frames, propagator, schedule):
        shown = list(shot.shown_at(one.index))
        write_frame(context.folder / places.TRACKS, shown, one.ids)
        files += [context.folder / places.TRACKS / places.frame_name(index) for index in shown]
        for number in set(one.ids.ravel().tolist()) - {0}:
            people[str(number)] = {}
    files += [context.folder / places.SEGMENTS / places.frame_name(int(index)) for index in frames.facts]
    return Made(files, {"segments": frames.facts, "people": people})
