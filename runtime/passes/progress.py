"""Which passes have finished which shots: what `--resume` goes by, and what must not be mixed."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trt_anime.errors import InputError
from trt_anime.runtime.ledger.identity import Identity, changes
from trt_anime.runtime.ledger.journal import Journal
from trt_anime.runtime.ledger.verify import piece_flaw
from trt_anime.runtime.media.pieces import piece_of
from trt_anime.runtime.media.sinks import Piece
from trt_anime.runtime.results.shots import Shot

FILE_NAME = "passes.jsonl"

# How the entry of a pass' identity begins that stands for another pass' results.
READ = "pass "


@dataclass(frozen=True)
class Done:
    """What a pass has done of one shot.

    Attributes:
        facts: what it found that isn't in files, as JSON takes it.
    """

    pieces: tuple[Piece, ...]
    facts: dict[str, Any]


class Progress:
    """The journal of all passes in an output folder. One process holds it; its threads share it."""

    def __init__(self, folder: Path, journal: Journal) -> None:
        self._folder, self._journal = folder, journal
        self._turn = threading.Lock()
        self._identities: dict[str, Identity] = {}
        self._done: dict[str, dict[int, Done]] = {}
        self._whole: set[str] = set()
        for line in journal.lines():
            self._take(line)

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> Iterator["Progress"]:
        """Raises InputError: another run has it open. OutputError: it can't be written."""
        journal = Journal(folder / FILE_NAME)
        try:
            journal.cut(len(journal))
            yield cls(folder, journal)
        finally:
            journal.close()

    def check(self, name: str, identity: Identity) -> bool:
        """Whether what a pass has done holds; not where passes that it reads have run since, or otherwise.

        Raises:
            InputError: it was done in another way; the message says what differs.
        """
        before = self._identities.get(name, identity)
        reads = {key for key in before | identity if key.startswith(READ)}
        own, other = ({k: v for k, v in each.items() if k not in reads} for each in (before, identity))
        if found := changes(own, other):
            raise InputError(
                f"{self._folder}: its {name} pass was made otherwise ({'; '.join(found)}); add --overwrite"
                " to make it again with all that follows, or choose another folder"
            )
        return before == identity

    def begin(self, name: str, identity: Identity) -> list[str]:
        """Take up a pass that was checked; returns sentences about shots that are not as they were."""
        if name not in self._identities:
            self._append({"kind": "pass", "pass": name, "identity": identity})
            return []
        flaws = [(shot, flaw) for shot, done in self.done(name).items() if (flaw := self._flaw(done))]
        for shot, _ in flaws:
            self._append({"kind": "undone", "pass": name, "shot": shot})
        return [f"{name}, shot {shot}: {flaw}; it is made again" for shot, flaw in flaws]

    def settled(self, name: str, identity: Identity) -> Identity:
        """What decides a pass' results: as they were made, where that is this and what is gone by now."""
        before = self._identities.get(name, identity)
        left = {key: value for key, value in before.items() if key in identity or not key.startswith(READ)}
        return before if left == identity else identity

    def identity(self, name: str) -> Identity | None:
        """What decided a pass' results; None where it has not begun."""
        return self._identities.get(name)

    def done(self, name: str) -> Mapping[int, Done]:
        """By shot number, as it is now."""
        with self._turn:
            return dict(self._done.get(name, {}))

    def is_whole(self, name: str) -> bool:
        """Whether every shot of the clip is done."""
        return name in self._whole

    def names(self) -> list[str]:
        """Passes that have begun."""
        return list(self._identities)

    def finish(self, name: str, shot: Shot, files: Iterable[Path], facts: dict[str, Any]) -> None:
        """Note a shot whose files are all written. Raises OutputError."""
        pieces = [asdict(piece_of(path, self._folder)) for path in files]
        self._append({"kind": "shot", "pass": name, "shot": shot.number, "pieces": pieces, "facts": facts})

    def end(self, name: str) -> None:
        """Note that every shot is done. Raises OutputError."""
        if name not in self._whole:
            self._append({"kind": "whole", "pass": name})

    def forget(self, names: Iterable[str]) -> None:
        """These passes have done nothing; see `folder.forget` for their files. Raises OutputError."""
        for name in names:
            self._append({"kind": "forgotten", "pass": name})

    def _flaw(self, done: Done) -> str | None:
        for piece in done.pieces:
            if flaw := piece_flaw(self._folder / piece.path, piece):
                return f"{piece.path} {flaw}"
        return None

    def _append(self, line: dict[str, Any]) -> None:
        with self._turn:
            self._journal.append(line)
            self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        name = line["pass"]
        match line["kind"]:
            case "pass":
                self._identities[name] = line["identity"]
            case "shot":
                pieces = tuple(Piece(**piece) for piece in line["pieces"])
                self._done.setdefault(name, {})[line["shot"]] = Done(pieces, line["facts"])
            case "undone":
                self._done[name].pop(line["shot"], None)
                self._whole.discard(name)
            case "whole":
                self._whole.add(name)
            case "forgotten":
                self._identities.pop(name, None)
                self._done.pop(name, None)
                self._whole.discard(name)
