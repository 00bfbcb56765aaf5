"""`contact_sheet.png`: a row for each shot, a column for each kind of layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from trt_anime.files import write_bytes
from trt_anime.runtime.delivery.drawing import BRIGHT, DARK, DIM, shortened, write
from trt_anime.runtime.delivery.shown import representative
from trt_anime.runtime.delivery.targets import Advance
from trt_anime.runtime.delivery.views import (
    BACKGROUND,
    CHARACTERS,
    EFFECTS,
    RECOMPOSED,
    SEGMENTS,
    SOURCE,
    TRACKS,
    Viewer,
    absences,
    clock,
    view_size,
    views_there,
)
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.results.shots import Shot

FILE_NAME = "contact_sheet.png"

MOST_ROWS = 24
VIEW_WIDTH = 320
_WANTED = (SOURCE, SEGMENTS, TRACKS, CHARACTERS, EFFECTS, BACKGROUND, RECOMPOSED)
_MARGIN, _GAP, _SIDE, _HEAD, _TITLES, _FOOT = 28, 12, 132, 84, 22, 28  # pixels


@dataclass(frozen=True)
class _Row:
    shot: Shot
    index: int
    start: Fraction  # seconds
    views: list[Pixels]


def write_contact_sheet(results: Results, path: Path, *, advance: Advance = lambda count: None) -> None:
    """Write the sheet, whole or not at all.

    Raises:
        InputError: the clip isn't where it was, or a file is damaged.
        OutputError: the disk is full.
    """
    sheet = contact_sheet(results, advance=advance)
    _, data = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    write_bytes(path, data.tobytes())


def contact_sheet(results: Results, *, advance: Advance = lambda count: None) -> Pixels:
    """uint8 [H,W,3] RGB. A long film shows `MOST_ROWS` of its shots.

    Args:
        advance: takes how many frames of the clip were just gone through.

    Raises:
        InputError: the clip isn't where it was, or a file is damaged.
    """
    viewer = Viewer(results, view_size(results, VIEW_WIDTH))
    names = views_there(results, _WANTED)
    rows = _rows(results, viewer, names, advance)
    width, height = viewer.size
    page_width = 2 * _MARGIN + _SIDE + len(names) * (width + _GAP) - _GAP
    foot = " · ".join(absences(results))
    y = _MARGIN + _HEAD
    page_height = y + _TITLES + len(rows) * (height + _GAP) - _GAP + _MARGIN + (_FOOT if foot else 0)
    page = np.full((page_height, page_width, 3), DARK, np.uint8)
    _write_head(page, results, len(rows))
    for number, name in enumerate(names):
        write(page, name, (_column(number, width), y + 10), size=16, colour=BRIGHT)
    for number, row in enumerate(rows):
        _put_row(page, row, y + _TITLES + number * (height + _GAP), viewer.size)
    room = page_width - 2 * _MARGIN - _SIDE
    write(
        page, shortened(foot, room, size=14), (_MARGIN + _SIDE, page_height - _MARGIN), size=14, colour=DIM
    )
    return page


def _rows(results: Results, viewer: Viewer, names: Sequence[str], advance: Advance) -> list[_Row]:
    places = np.linspace(0, len(results.shots) - 1, min(MOST_ROWS, len(results.shots)))
    wanted = {results.shots[round(place)] for place in places}
    shown = {representative(results, shot): shot for shot in wanted}
    begins = {shot.start for shot in wanted}
    rows: list[_Row] = []
    start = Fraction(0)
    with results.source() as source:
        for frame in source:
            index = frame.stamp.index
            if index in begins:
                start = frame.stamp.pts * source.info.time_base
            if index in shown:
                rows.append(_Row(shown[index], index, start, viewer.views(names, index, frame.rgb)))
            advance(1)
            if index >= max(shown):
                break
    return rows


def _write_head(page: Pixels, results: Results, rows: int) -> None:
    facts = results.record["input"]
    name = Path(facts["path"]).name
    write(page, shortened(name, page.shape[1] // 2, size=22), (_MARGIN, _MARGIN + 20), size=22, weight=600)
    shots = f"{len(results.shots)} shots" if len(results.shots) != 1 else "1 shot"
    some = f" ({rows} shown)" if rows < len(results.shots) else ""
    size = f"{facts['width']} x {facts['height']}"
    text = f"{size} · {float(results.rate):.5g} FPS · {results.frames} frames · {shots}{some}"
    write(page, text, (_MARGIN, _MARGIN + 44), size=14, colour=DIM)


def _put_row(page: Pixels, row: _Row, y: int, size: tuple[int, int]) -> None:
    width, height = size
    lines = [
        (f"shot {row.shot.number}", 16, BRIGHT),
        (clock(row.start), 13, DIM),
        (f"frames {row.shot.start} to {row.shot.stop - 1}", 13, DIM),
        (f"shown: {row.index}", 13, DIM),
    ]
    at = y + 15
    for text, letters, colour in lines:
        write(page, text, (_MARGIN, at), size=letters, colour=colour)
        at += letters + 8
    for number, view in enumerate(row.views):
        x = _column(number, width)
        page[y : y + height, x : x + width] = view


def _column(number: int, width: int) -> int:
    """Where a column begins, in pixels."""
    return _MARGIN + _SIDE + number * (width + _GAP)
