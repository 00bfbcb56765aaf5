"""The folder of stage 4: all of its files, written together or not at all, and opened again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trt_anime.errors import InputError, TrtAnimeError
from trt_anime.files import output_error, replacing, sha256_of
from trt_anime.runtime.annotation.embeddings import Embeddings, VectorFile
from trt_anime.runtime.annotation.networks import PictureEncoder
from trt_anime.runtime.annotation.tables import LINES, PARQUET, SCHEMA, LinesWriter, ParquetWriter, Row
from trt_anime.runtime.text.embeddings import Vectors

INDEX = "annotation.json"
VECTORS = "{}.npy"
NAMES = ("clip", "dino")

EXTRA = "pip install 'trt-anime[datasets]'"


@dataclass(frozen=True)
class Annotation:
    """What stage 4 left in its folder.

    Attributes:
        rows: how many drawings the table has.
        embeddings: by name, ``clip`` and ``dino``, those that there are.
        missing: sentences: what was left out, and why.
    """

    folder: Path
    rows: int
    embeddings: dict[str, Embeddings]
    missing: tuple[str, ...]


class AnnotationWriter:
    """Takes rows and vectors as they come; `writing_annotation` makes it."""

    def __init__(
        self, tables: Sequence[LinesWriter | ParquetWriter], vectors: Mapping[str, VectorFile]
    ) -> None:
        self._tables, self._vectors = tables, vectors
        self.rows = 0
        self.frames: dict[str, list[int]] = {name: [] for name in vectors}

    def write_rows(self, rows: Sequence[Row]) -> None:
        """By frame, ascending over all calls. Raises OSError."""
        for table in self._tables:
            table.write(rows)
        self.rows += len(rows)

    def write_vectors(self, name: str, frames: Sequence[int], vectors: Vectors) -> None:
        """float32 [N,D]: of one of the encoders, for frames that ascend over all calls. Raises OSError."""
        self._vectors[name].append(vectors)
        self.frames[name] += frames


@contextmanager
def writing_annotation(
    folder: Path, encoders: Mapping[str, PictureEncoder], missing: Sequence[str]
) -> Iterator[AnnotationWriter]:
    """Yield a writer; the files take their places at the end, the one that names all others last.

    On any exception the folder is left as it was.

    Args:
        encoders: of the vectors that will come, by name.
        missing: what `Annotation.missing` holds.

    Raises:
        OutputError: the folder can't be written.
    """
    try:
        with ExitStack() as places:  # ends in the opposite order
            index = places.enter_context(replacing(folder / INDEX))
            lines = places.enter_context(replacing(folder / LINES))
            parquet = places.enter_context(replacing(folder / PARQUET)) if has_pyarrow() else None
            arrays = {
                name: places.enter_context(replacing(folder / VECTORS.format(name))) for name in encoders
            }
            with ExitStack() as files:
                text = files.enter_context(lines.open("w", encoding="utf-8"))
                tables: list[LinesWriter | ParquetWriter] = [LinesWriter(text)]
                if parquet:
                    tables.append(files.enter_context(closing(ParquetWriter(parquet))))
                vectors = {name: files.enter_context(VectorFile(path)) for name, path in arrays.items()}
                writer = AnnotationWriter(tables, vectors)
                yield writer
            found = {
                name: Embeddings(
                    name=name,
                    model=encoder.model,
                    checkpoint_sha256=encoder.checkpoint_sha256,
                    path=folder / VECTORS.format(name),
                    sha256=sha256_of(arrays[name]),
                    dimensions=vectors[name].dimensions,
                    frames=tuple(writer.frames[name]),
                )
                for name, encoder in encoders.items()
            }
            index.write_text(_index(writer.rows, found, missing), encoding="utf-8")
    except TrtAnimeError:
        raise
    except OSError as error:
        raise output_error(folder, error) from error
    _forget(folder, found, parquet=parquet is not None)


def read_annotation(folder: Path) -> Annotation:
    """`folder`: of the stage. Raises InputError: there is none, or it is damaged."""
    path = folder / INDEX
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        if table["schema"] != SCHEMA:
            raise ValueError(f"schema {table['schema']}")
        rows = table["embeddings"].items()
        return Annotation(
            folder,
            int(table["rows"]),
            {name: Embeddings.from_json(name, row, folder) for name, row in rows},
            tuple(table["missing"]),
        )
    except FileNotFoundError as error:
        raise InputError(
            f"{folder}: holds no annotation; run `trt-anime process` with stage 4 for this folder"
        ) from error
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); annotate the clip again") from error


def has_pyarrow() -> bool:
    """Whether Parquet can be written here."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        return False
    return True


def _index(rows: int, embeddings: Mapping[str, Embeddings], missing: Sequence[str]) -> str:
    table: dict[str, Any] = {
        "schema": SCHEMA,
        "rows": rows,
        "missing": list(missing),
        "embeddings": {name: one.to_json() for name, one in embeddings.items()},
    }
    return json.dumps(table, ensure_ascii=False) + "\n"


def _forget(folder: Path, embeddings: Mapping[str, Embeddings], *, parquet: bool) -> None:
    """An earlier run's files that this one has no newer ones of."""
    for name in set(NAMES) - embeddings.keys():
        (folder / VECTORS.format(name)).unlink(missing_ok=True)
    if not parquet:
        (folder / PARQUET).unlink(missing_ok=True)
