"""Frames of an annotated folder by words, or by a vector."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path

from trt_anime.errors import InputError
from trt_anime.runtime.annotation.embeddings import Embeddings
from trt_anime.runtime.annotation.networks import Encoder
from trt_anime.runtime.annotation.tables import Row, read_rows
from trt_anime.runtime.annotation.vector_index import nearest
from trt_anime.runtime.text.embeddings import Vectors

_WORD = re.compile(r"\w+")
# Too frequent in captions and queries to tell anything.
_EMPTY = frozenset(
    {"a", "an", "and", "are", "as", "at", "by", "for", "from", "in", "is", "of", "on", "the", "with"}
)


@dataclass(frozen=True)
class Hit:
    """Attributes:
    score: of a vector, its cosine; of words, which share of the query's was found, 0..1.
    """

    row: Row
    score: float


def by_vector(
    folder: Path,
    embeddings: Embeddings,
    vector: Vectors,
    count: int,
    *,
    threads: int,
    notify: Callable[[str], None],
) -> list[Hit]:
    """The frames nearest to a vector, the nearest first.

    Args:
        folder: of the stage.
        vector: float32 [D] of length 1, of the same model.

    Raises:
        InputError: a file of the folder is damaged.
        MissingError: usearch isn't installed.
    """
    found = nearest(embeddings, vector, count, threads=threads, notify=notify)
    rows = {row.frame: row for row in read_rows(folder, {frame for frame, _ in found})}
    if lost := [frame for frame, _ in found if frame not in rows]:
        raise InputError(f"{folder}: its table lacks frame {lost[0]}; annotate the clip again")
    return [Hit(rows[frame], score) for frame, score in found]


def by_words(folder: Path, text: str, count: int) -> list[Hit]:
    """The frames whose captions and tags have most of the words; those that have none are left out.

    A plural finds its singular. Equals are ranked by their tags' scores, then by time.

    `folder`: of the stage. Raises InputError: the text has no words, or the table is damaged.
    """
    wanted = frozenset(_words(text)) or frozenset(_stem(word) for word in _WORD.findall(text.lower()))
    if not wanted:
        raise InputError(f"'{text}' has no words to search for")
    ranked = ((_score(row, wanted), row) for row in read_rows(folder))
    best = nlargest(count, (pair for pair in ranked if pair[0][0]), key=lambda pair: pair[0])
    return [Hit(row, score) for (score, _, _), row in best]


def require_same(embeddings: Embeddings, encoder: Encoder) -> None:
    """Raises InputError: the folder's vectors are of another network than the one that is here."""
    if embeddings.checkpoint_sha256 != encoder.checkpoint_sha256:
        raise InputError(
            f"{embeddings.path}: its vectors were made by {_name(embeddings)}, and here is"
            f" {_name(encoder)}; annotate the clip again, or import those weights"
        )


def _name(of: Embeddings | Encoder) -> str:
    return f"{of.model} with weights {of.checkpoint_sha256[:12]}"


def _score(row: Row, wanted: frozenset[str]) -> tuple[float, float, int]:
    found: dict[str, float] = dict.fromkeys(_words(row.caption or ""), 0.5)
    for tag in row.tags or ():
        for word in _words(tag.name):
            found[word] = max(found.get(word, 0.0), tag.score)
    hits: Mapping[str, float] = {word: found[word] for word in wanted if word in found}
    return len(hits) / len(wanted), sum(hits.values()), -row.frame


def _words(text: str) -> set[str]:
    words = _WORD.findall(text.lower().replace("_", " "))
    return {_stem(word) for word in words if word not in _EMPTY}


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
