"""Stage 1: segments on key frames."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

import cv2
import numpy as np

from trt_anime.runtime.characters.found import Found, FoundSegment, Frame, Matte
from trt_anime.runtime.passes.context import Context, Made, OfShot
from trt_anime.runtime.results import places
from trt_anime.runtime.results.planes import read_plane, write_frame
from trt_anime.runtime.results.shots import Shot

# Index of a frame, the frame, the matte's alpha if there is one.
Segment = Callable[[int, Frame, Matte | None], Found]
Item = tuple[int, Frame, Matte | None]

TABLE = "segments.jsonl"  # a line for each key frame


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """Raises what the tool `segmenter` raises."""
    with context.tools.segmenter(context) as segment:
        yield partial(_segment, context, segment)


def key_frames(fresh: Sequence[int], every: int) -> Sequence[int]:
    """Those of a shot's fresh frames that stage 1 looks at by itself; stage 3 looks at more of them."""
    return fresh[::every]


def items(context: Context, shot: Shot) -> Iterator[Item]:
    """A shot's fresh frames with the alpha of their mattes."""
    for index, rgb in context.frames(shot):
        matte = context.matte(index)
        yield index, rgb, None if matte is None else np.asarray(cv2.extractChannel(matte, 3), np.uint8)


class KeyFrames:
    """What is found on key frames: kept from stage 1, else looked for and kept from now on.

    Args:
        segment: looks at a frame that nobody has looked at.
        before: what stage 1 found in this shot, by frame, as `facts_of` says it.
    """

    def __init__(self, context: Context, segment: Segment, before: dict[str, Any]) -> None:
        self._context, self._segment, self._before = context, segment, before
        self._index = 0
        self.facts: dict[str, Any] = {}

    def watching(self, frames: Iterable[Item]) -> Iterator[Item]:
        """Pass frames on to who asks `segment`, which then is for the one that came last."""
        for item in frames:
            self._index = item[0]
            yield item

    def segment(self, frame: Frame, matte: Matte | None) -> Found:
        """See `Segmenter.segment`."""
        rows = self._before.get(str(self._index))
        folder = self._context.folder / places.SEGMENTS
        if rows is not None:
            ids = read_plane(folder / places.frame_name(self._index))
            return Found(ids, tuple(FoundSegment(**{**row, "box": tuple(row["box"])}) for row in rows))
        found = self._segment(self._index, frame, matte)
        write_frame(folder, [self._index], found.ids)
        self.facts[str(self._index)] = facts_of(found)
        return found


def facts_of(found: Found) -> list[dict[str, Any]]:
    """The segments of a frame, as JSON takes them."""
    return [asdict(segment) for segment in found.segments]


def _segment(context: Context, segment: Segment, shot: Shot) -> Made:
    keys = set(key_frames(shot.fresh, context.choices.segmentation.key_every))
    frames = KeyFrames(context, segment, {})
    for index, rgb, matte in frames.watching(items(context, shot)):
        if index in keys:
            frames.segment(rgb, matte)
    folder = context.folder / places.SEGMENTS
    files = [folder / places.frame_name(int(index)) for index in frames.facts]
    return Made(files, {"segments": frames.facts})
