"""Shots of a clip, and which of their frames repeat the one before."""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trt_anime.errors import InputError
from trt_anime.files import write_text

FILE_NAME = "shots.json"
SCHEMA = 1


@dataclass(frozen=True)
class Shot:
    """A run of frames without a cut, or a part of a very long one.

    Attributes:
        number: from 1.
        start, stop: its frames are `start` to `stop` - 1, zero-based indices of the clip.
        fresh: of these, the ones that differ from the frame before; the first one is `start`.
        continues: it goes on where the one before was cut for its length: same scene, same characters.
    """

    number: int
    start: int
    stop: int
    fresh: tuple[int, ...]
    continues: bool = False

    def drawn_at(self, index: int) -> int:
        """The fresh frame that frame `index` shows."""
        return self.fresh[bisect_right(self.fresh, index) - 1]

    def shown_at(self, fresh: int) -> range:
        """All frames that show the fresh frame `fresh`."""
        place = self.fresh.index(fresh)
        return range(fresh, self.fresh[place + 1] if place + 1 < len(self.fresh) else self.stop)


def write_shots(folder: Path, shots: Sequence[Shot]) -> None:
    """Into `shots.json`, whole or not at all. Raises OutputError."""
    table = {"schema": SCHEMA, "shots": [asdict(shot) for shot in shots]}
    write_text(folder / FILE_NAME, json.dumps(table) + "\n")


def read_shots(folder: Path) -> tuple[Shot, ...]:
    """Raises InputError: there are none, or the file is damaged."""
    path = folder / FILE_NAME
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["shots"]
        return tuple(Shot(**{**row, "fresh": tuple(row["fresh"])}) for row in rows)
    except FileNotFoundError as error:
        raise InputError(f"{folder}: holds no shots; run `trt-anime process CLIP -o {folder}`") from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); run `trt-anime process` again") from error
