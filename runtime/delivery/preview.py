"""`preview.mp4`: the clip and its layers side by side, to look at first."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import takewhile
from pathlib import Path

import av
import numpy as np

from trt_anime.runtime.delivery.drawing import BRIGHT, DARK, DIM, shortened, width_of, write
from trt_anime.runtime.delivery.targets import Advance, Notify
from trt_anime.runtime.delivery.views import (
    BACKGROUND,
    CHARACTERS,
    EFFECTS,
    RECOMPOSED,
    SOURCE,
    TRACKS,
    Viewer,
    absences,
    clock,
    view_size,
    views_there,
)
from trt_anime.runtime.media.encoder import Codec, VideoSegment
from trt_anime.runtime.media.frames import ClipInfo, Frame, FrameSource, Pixels, Stamp
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.streams import behind

FILE_NAME = "preview.mp4"

LONG_SIDE = 1280
_WANTED = (SOURCE, TRACKS, CHARACTERS, EFFECTS, BACKGROUND, RECOMPOSED)
_MARGIN, _GAP, _TITLE, _FOOT = 20, 14, 28, 40  # pixels
_TEXT, _SMALL = 15, 13

# Without pictures that look ahead, time stamps need no offset, and it plays from any place at once.
_H264 = Codec(".mp4", "mp4", "libx264", "yuv420p", {}, {"crf": "20", "preset": "veryfast", "bf": "0"})


def write_preview(
    results: Results,
    path: Path,
    *,
    threads: int,
    notify: Notify = lambda sentence: None,
    advance: Advance = lambda count: None,
) -> bool:
    """Write the video, silent, with the source's time stamps; whole or not at all.

    The longer side has at most `LONG_SIDE` pixels. Returns False, and says so, where FFmpeg has no H.264.

    Args:
        path: ends with ``.mp4``; its folder exists.
        threads: for the encoder.
        advance: takes how many frames were just written.

    Raises:
        InputError: the clip isn't where it was, or a file is damaged.
        OutputError: the disk is full.
    """
    if _H264.encoder not in av.codecs_available:
        notify(f"{path}: isn't written, as FFmpeg has no H.264 encoder here")
        return False
    grid = _Grid.of(results)
    with results.source() as source:
        clip = grid.clip(source.info)
        segment = VideoSegment(path, path.parent, "grid", _H264, clip, threads=threads)
        try:
            for stamp, views in _drawn(results, grid, source, threads):
                picture = grid.page(views, stamp, source.info.time_base)
                segment.write([stamp], {"grid": picture}, None)
                advance(1)
            segment.close()
        except BaseException:
            segment.abandon()
            raise
    return True


def _drawn(
    results: Results, grid: "_Grid", source: FrameSource, threads: int
) -> Iterator[tuple[Stamp, list[Pixels]]]:
    """Every frame's views, those of the frame before where it is held; `threads` draw ahead."""

    def views(frame: Frame) -> tuple[Stamp, list[Pixels]]:
        index = frame.stamp.index
        fresh = index == 0 or results.shot_of(index).drawn_at(index) == index
        return frame.stamp, grid.views(index, frame.rgb) if fresh else []

    frames = takewhile(lambda frame: frame.stamp.index < results.frames, source)
    last: list[Pixels] = []
    with ThreadPoolExecutor(threads, "preview") as pool:
        for stamp, drawn in behind(views, frames, pool, depth=2 * threads):
            last = drawn or last
            yield stamp, last


@dataclass(frozen=True)
class _Grid:
    """Where the views lie.

    Attributes:
        base: uint8 [H,W,4] RGBA, opaque: everything that doesn't change.
    """

    names: list[str]
    columns: int
    viewer: Viewer
    base: Pixels

    @classmethod
    def of(cls, results: Results) -> "_Grid":
        names = views_there(results, _WANTED)
        columns = len(names) if len(names) < 4 else (len(names) + 1) // 2
        rows = -(-len(names) // columns)
        width = _even((LONG_SIDE - 2 * _MARGIN - (columns - 1) * _GAP) // columns)
        # An upright clip's page would be taller than it may be.
        while _height(view_size(results, width)[1], rows) > LONG_SIDE:
            width -= 2
        viewer = Viewer(results, view_size(results, width))
        page_width = 2 * _MARGIN + columns * width + (columns - 1) * _GAP
        page = np.full((_height(viewer.size[1], rows), page_width, 3), DARK, np.uint8)
        grid = cls(names, columns, viewer, page)
        for number, name in enumerate(names):
            x, y = grid._place(number)
            write(page, name, (x, y - 9), size=_TEXT, colour=BRIGHT)
        left = " · ".join(absences(results))
        room = page_width - 2 * _MARGIN - 280
        write(page, shortened(left, room, size=_SMALL), (_MARGIN, len(page) - 16), size=_SMALL, colour=DIM)
        return replace(grid, base=np.dstack([page, np.full(page.shape[:2], 255, np.uint8)]))

    def clip(self, source: ClipInfo) -> ClipInfo:
        """Facts about the page as a video."""
        height, width = self.base.shape[:2]
        return replace(
            source, width=width, height=height, bits=8, pixel_aspect=Fraction(1), primaries=2, transfer=2
        )

    def views(self, index: int, source: Pixels) -> list[Pixels]:
        return self.viewer.views(self.names, index, source)

    def page(self, views: list[Pixels], stamp: Stamp, time_base: Fraction) -> Pixels:
        """uint8 [H,W,4] RGBA, opaque."""
        page = self.base.copy()
        width, height = self.viewer.size
        for number, view in enumerate(views):
            x, y = self._place(number)
            page[y : y + height, x : x + width, :3] = view
        shot = self.viewer.results.shot_of(stamp.index).number
        text = f"shot {shot} · frame {stamp.index} · {clock(stamp.pts * time_base)}"
        at = (page.shape[1] - _MARGIN - width_of(text, size=_SMALL), len(page) - 16)
        write(page, text, at, size=_SMALL, colour=DIM)
        return page

    def _place(self, number: int) -> tuple[int, int]:
        """(x, y) of a view."""
        width, height = self.viewer.size
        row, column = divmod(number, self.columns)
        return _MARGIN + column * (width + _GAP), _MARGIN // 2 + _TITLE + row * (
            height + _TITLE + _GAP // 2
        )


def _height(view: int, rows: int) -> int:
    """Of a page, even as the codec needs it."""
    return _even(_MARGIN // 2 + rows * (view + _TITLE) + (rows - 1) * (_GAP // 2) + _FOOT + 1)


def _even(length: int) -> int:
    return length // 2 * 2
