"""What the parts of a GPU check found: one JSON file a part, written after every step."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from trt_anime.errors import EngineError
from trt_anime.files import write_text

SCHEMA = 1

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Table:
    title: str
    words: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Out of JSON."""
        rows = [tuple(map(str, row)) for row in values["rows"]]
        return cls(values["title"], values["words"], tuple(values["head"]), rows)


@dataclass(frozen=True)
class Seen:
    """What a step saw where all was well."""

    words: str
    tables: tuple[Table, ...] = ()


class StepError(EngineError):
    """A step failed, and what it measured tells how."""

    def __init__(self, words: str, tables: Sequence[Table]) -> None:
        super().__init__(words)
        self.tables = tuple(tables)


@dataclass(frozen=True)
class Found:
    """What became of a step; `words` say what was seen, or why nothing was.

    Attributes:
        seconds: that it took.
        measured: when, UTC.
    """

    outcome: Outcome
    words: str
    seconds: float = 0.0
    measured: str = ""
    tables: tuple[Table, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Out of JSON."""
        return cls(**{**values, "tables": tuple(map(Table.of, values["tables"]))})


@dataclass
class Finding:
    """One part's steps so far.

    Attributes:
        key: what the finding holds for: GPU, driver, versions, code.
        planned: all its steps by name, once they are known.
        steps: those that are done, by name.
        running: the step in hand; it is the culprit where the process ends without a word.
        running_left_s: how much time the part had left when that began.
    """

    part: str
    key: Mapping[str, str]
    planned: list[str] = field(default_factory=list)
    steps: dict[str, Found] = field(default_factory=dict)
    running: str = ""
    running_left_s: float = 0.0

    @property
    def left(self) -> list[str]:
        """Steps that nobody came to."""
        return [name for name in self.planned if name not in self.steps]

    @property
    def is_done(self) -> bool:
        """Whether nothing would be gained by another run; what was skipped may be there by then."""
        found = [self.steps.get(name) for name in self.planned]
        return bool(found) and all(one is not None and one.outcome != "skipped" for one in found)

    def plan(self, names: Sequence[str]) -> None:
        """From now on these are its steps; what others found is dropped."""
        self.planned = list(names)
        self.steps = {name: found for name, found in self.steps.items() if name in self.planned}

    def again(self) -> None:
        """Before another run: what was skipped is tried once more."""
        self.steps = {name: found for name, found in self.steps.items() if found.outcome != "skipped"}
        self.running = ""


class Store:
    """A folder with a file for each part."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, part: str) -> Finding | None:
        """None: there is none that this release can read."""
        try:
            values = json.loads(self._path(part).read_text(encoding="utf-8"))
            if values.pop("schema") != SCHEMA:
                return None
            steps = {name: Found.of(found) for name, found in values.pop("steps").items()}
            return Finding(**values, steps=steps)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read_for(self, part: str, key: Mapping[str, str]) -> Finding:
        """An empty one where what is there was found on another GPU, or with other code."""
        found = self.read(part)
        return found if found is not None and found.key == key else Finding(part, dict(key))

    def write(self, finding: Finding) -> None:
        """Whole or not at all. Raises OutputError."""
        content = json.dumps({"schema": SCHEMA, **asdict(finding)}, indent=1)
        write_text(self._path(finding.part), content + "\n")

    def _path(self, part: str) -> Path:
        return self.folder / f"{part}.json"
