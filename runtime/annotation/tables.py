"""The table of annotated frames: JSON Lines and, for those who compute with it, Parquet.

A row is a drawing: a fresh frame, which is held for `held` frames. Columns, in both files:

| column | type | what |
|---|---|---|
| frame | int64 | zero-based index in the clip |
| pts, time | int64, float64 | presentation time in units of the clip's time base, and in seconds |
| shot | int32 | its number, from 1 |
| held | int32 | for how many frames the drawing shows |
| sharpness ... paper | float32 | see `metrics.Metrics` |
| hash | string | 16 hexadecimal digits, see `hashes.perceptual_hash` |
| group | int32 | number of its group of near-duplicates, over the whole clip |
| represents | list of string | what it is of its shot: first, sharpest, different; empty for most frames |
| best_of | list of int32 | ids of the characters that no other frame of the shot shows better |
| characters | list of struct | see `characters.Presence`; null: there are no ids |
| tags | list of struct | name, group, source, score; null: nobody looked |
| caption | string | null: nobody looked |
"""

import json
import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from trt_anime.errors import InputError
from trt_anime.runtime.annotation.characters import Presence
from trt_anime.runtime.annotation.metrics import Metrics
from trt_anime.runtime.annotation.tags import Tag

LINES = "annotation.jsonl"
PARQUET = "annotation.parquet"
SCHEMA = 1

_FRAME = re.compile(rb'{"frame": (\d+),')
_METRICS = tuple(field.name for field in fields(Metrics) if field.name != "hash")


@dataclass(frozen=True, kw_only=True)
class Row:
    """See the module's table."""

    frame: int
    pts: int
    time: float
    shot: int
    held: int
    metrics: Metrics
    group: int
    represents: tuple[str, ...] = ()
    best_of: tuple[int, ...] = ()
    characters: tuple[Presence, ...] | None = None
    tags: tuple[Tag, ...] | None = None
    caption: str | None = None

    def to_json(self) -> dict[str, Any]:
        """One flat object, its keys in the order of the columns."""
        return {
            "frame": self.frame,
            "pts": self.pts,
            "time": round(self.time, 6),
            "shot": self.shot,
            "held": self.held,
            **{name: round(getattr(self.metrics, name), 5) for name in _METRICS},
            "hash": f"{self.metrics.hash:016x}",
            "group": self.group,
            "represents": list(self.represents),
            "best_of": list(self.best_of),
            "characters": None if self.characters is None else [_rounded(one) for one in self.characters],
            "tags": None if self.tags is None else [_rounded(tag) for tag in self.tags],
            "caption": self.caption,
        }

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> "Row":
        """Raises KeyError, TypeError, ValueError: it isn't what `to_json` gives."""
        people, tags = table["characters"], table["tags"]
        return cls(
            frame=table["frame"],
            pts=table["pts"],
            time=table["time"],
            shot=table["shot"],
            held=table["held"],
            metrics=Metrics(**{name: table[name] for name in _METRICS}, hash=int(table["hash"], 16)),
            group=table["group"],
            represents=tuple(table["represents"]),
            best_of=tuple(table["best_of"]),
            characters=None
            if people is None
            else tuple(Presence(**one | {"box": tuple(one["box"])}) for one in people),
            tags=None if tags is None else tuple(Tag(**tag) for tag in tags),
            caption=table["caption"],
        )


class LinesWriter:
    """JSON Lines, row by row."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, rows: Sequence[Row]) -> None:
        """Raises OSError."""
        for row in rows:
            self._file.write(json.dumps(row.to_json(), ensure_ascii=False) + "\n")


class ParquetWriter:
    """Parquet, in row groups of some thousand rows; needs pyarrow."""

    _AT_ONCE = 4096

    def __init__(self, path: Path) -> None:
        from pyarrow.parquet import ParquetWriter as Writer

        self._schema = _arrow_schema()
        self._writer = Writer(path, self._schema, compression="zstd")
        self._waiting: list[dict[str, Any]] = []

    def write(self, rows: Sequence[Row]) -> None:
        """Raises OSError."""
        self._waiting += [row.to_json() for row in rows]
        if len(self._waiting) >= self._AT_ONCE:
            self._flush()

    def close(self) -> None:
        """Write what waits, and the end of the file. Raises OSError."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow

        if self._waiting:
            self._writer.write_table(pyarrow.Table.from_pylist(self._waiting, schema=self._schema))
            self._waiting.clear()


def read_rows(folder: Path, frames: Container[int] | None = None) -> Iterator[Row]:
    """The rows, by frame, one at a time; those of `frames` only, if it is given.

    `folder`: of the stage. Raises InputError: there are none, or the file is damaged.
    """
    path = folder / LINES
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                start = _FRAME.match(line)
                if frames is None or start is None or int(start[1]) in frames:
                    yield _row(line, path, number)
    except OSError as error:
        raise InputError(
            f"{path}: can't be read ({error.strerror}); annotate the clip with `trt-anime process`"
        ) from error


def _row(line: bytes, path: Path, number: int) -> Row:
    try:
        return Row.from_json(json.loads(line))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: line {number} is damaged ({type(error).__name__}: {error}); annotate the clip again"
        ) from error


def _rounded(item: Presence | Tag) -> dict[str, Any]:
    return {
        name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(item).items()
    }


def _arrow_schema() -> Any:
    import pyarrow as pa

    whole, real, word = pa.int32(), pa.float32(), pa.string()
    person = pa.struct(
        [
            ("id", whole),
            ("box", pa.list_(whole, 4)),
            *((n, real) for n in ("area", "cut", "hidden", "sharpness", "detail")),
        ]
    )
    tag = pa.struct([("name", word), ("group", word), ("source", word), ("score", real)])
    return pa.schema(
        [
            *(("frame", pa.int64()), ("pts", pa.int64()), ("time", pa.float64())),
            *(("shot", whole), ("held", whole)),
            *((name, real) for name in _METRICS),
            *(("hash", word), ("group", whole)),
            *(("represents", pa.list_(word)), ("best_of", pa.list_(whole))),
            *(("characters", pa.list_(person)), ("tags", pa.list_(tag)), ("caption", word)),
        ],
        metadata={"trt_anime.annotation": str(SCHEMA)},
    )
