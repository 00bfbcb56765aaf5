"""The ledger of an output folder: which segments are finished, and whether their files still are.

`ledger.jsonl` is a journal (see `journal.py`) with these lines, in this order:

    {"kind":"run","schema":1,"identity":{"format":"png",...}}
    {"kind":"segment","number":0,"stamps":[0,1001,1001,...],"computed":40,"shots":[0],"pieces":[...]}
    {"kind":"end"}
    {"kind":"output","path":"a/a.mkv","size_bytes":4096,"mtime_ns":17,"pieces":["a/000000.mkv",...]}
    {"kind":"complete"}

A ``segment`` line for each, numbered from 0 without gaps. ``stamps`` is the first frame's index, then pts
and duration of each; ``pieces`` has a list for each sink, and in it path below the output folder, size in
bytes and CRC-32 of each file. ``end`` says that the clip has no more frames. An ``output`` line says that
one file now holds what its pieces held, so that they may be gone. ``complete`` ends a run that is done.
"""

from collections.abc import Callable, Sequence
from dataclasses import astuple
from itertools import chain
from pathlib import Path
from stat import S_ISDIR
from typing import Any, Self

from trt_anime.errors import InputError
from trt_anime.files import output_error
from trt_anime.runtime.closing import Closing
from trt_anime.runtime.ledger.identity import Identity, changes
from trt_anime.runtime.ledger.journal import Journal
from trt_anime.runtime.ledger.verify import output_flaw, piece_flaw
from trt_anime.runtime.media.frames import Stamp
from trt_anime.runtime.media.sinks import Piece
from trt_anime.runtime.segments import Finished

FILE_NAME = "ledger.jsonl"
SCHEMA = 1


class Ledger(Closing):
    """One run's ledger, open and locked. Calls must not overlap.

    Not promised: that the files which `append` names are on the disk already. A power failure may take
    them after all; that is found when the run is resumed.

    Attributes:
        notices: sentences the user should see; `drop_from` may add to them.
        frames: in all finished segments.
        is_whole: the clip has no frames after these.
        is_complete: every output was finished and is still there.
    """

    def __init__(self, folder: Path, journal: Journal) -> None:
        """For `open`."""
        self.notices: list[str] = []
        self._folder = folder
        self._journal = journal
        self._segments = 0
        self._settled: dict[str, dict[str, Any]] = {}  # by path, the latest line
        self.frames = 0
        self.is_whole = False
        self.is_complete = False
        if not journal.is_locked:
            self.notices.append(
                f"{folder}: its file system knows no locks; don't let a second run write there"
            )

    @classmethod
    def open(
        cls,
        folder: Path,
        identity: Identity,
        *,
        resume: bool,
        make_room: Callable[[], None] = lambda: None,
    ) -> Self:
        """Open the ledger of `folder`, which is made where it isn't there.

        With `resume` the lines are kept from the start as far as all their files are as they were
        written, for which every file is read. Without it, or where nothing can be kept, an empty ledger
        is begun; other files stay untouched.

        Args:
            make_room: called before an empty ledger is begun, while no other process can begin one; may
                raise to forbid it.

        Raises:
            InputError: the earlier run's identity is another, or another process is writing there; nothing
                was changed.
            OutputError: the ledger can't be read or written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(folder, error) from error
        journal = Journal(folder / FILE_NAME)
        try:
            ledger = cls(folder, journal)
            if resume:
                ledger._take_up(identity)
            if not (resume and len(journal)):
                make_room()
                journal.cut(0)
                journal.append({"kind": "run", "schema": SCHEMA, "identity": identity})
        except BaseException:
            journal.close()
            raise
        return ledger

    @property
    def finished(self) -> tuple[Finished, ...]:
        """All finished segments in clip order.

        Read from the file each time, so that memory doesn't grow with the clip. Raises OutputError.
        """
        return tuple(_segment_of(line) for line in self._journal.lines() if line["kind"] == "segment")

    def append(self, segment: Finished) -> None:
        """Note the next segment; on return that is on the disk.

        Raises:
            ValueError: it doesn't follow the one before, or outputs have been settled.
            OutputError: disk full; the ledger is as it was.
        """
        if (segment.number, segment.stamps[0].index) != (self._segments, self.frames):
            raise ValueError(
                f"segment {segment.number} from frame {segment.stamps[0].index} doesn't follow "
                f"{self._segments} segments with {self.frames} frames"
            )
        if self.is_whole or self._settled or self.is_complete:
            raise ValueError(f"segment {segment.number} comes after the end")
        self._journal.append(_line_of(segment))
        self._segments += 1
        self.frames += len(segment.stamps)

    def end(self) -> None:
        """Note that the clip ends here; again is harmless. Raises OutputError."""
        if not self.is_whole:
            self._journal.append({"kind": "end"})
            self.is_whole = True

    def settle(self, output: Path, pieces: Sequence[Piece]) -> None:
        """Note that `output` holds all that `pieces` held: from now on they may be removed.

        A folder of images consists of its pieces, so nothing is noted. Again is harmless.

        Raises:
            OutputError: `output` isn't there, or the disk is full; the ledger is as it was.
        """
        try:
            facts = output.stat()
        except OSError as error:
            raise output_error(output, error) from error
        if S_ISDIR(facts.st_mode):
            return
        path = self._path_of(output)
        line: dict[str, Any] = {
            "kind": "output",
            "path": path,
            # No checksum: it may be a hundred gigabytes, just written.
            "size_bytes": facts.st_size,
            "mtime_ns": facts.st_mtime_ns,
            "pieces": [piece.path for piece in pieces],
        }
        if self._settled.get(path) != line:
            self._journal.append(line)
            self._settled[path] = line

    def is_settled(self, output: Path) -> bool:
        """Whether `output` is a file that holds its pieces already, so that it mustn't be made again."""
        return self._path_of(output) in self._settled

    def complete(self) -> None:
        """Note that the run is done; again is harmless. Raises OutputError."""
        if not self.is_complete:
            self._journal.append({"kind": "complete"})
            self.is_complete = True

    def drop_from(self, number: int) -> None:
        """Forget segment `number` and all that follows, outputs too.

        Where the pieces of earlier segments are gone, since outputs held them, those are dropped as well;
        `finished` and `frames` tell.

        Raises:
            ValueError: there is no segment before `number`.
            OutputError: the ledger can't be written.
        """
        if not 0 <= number <= self._segments:
            raise ValueError(f"segment {number} of {self._segments} can't be dropped")
        had_outputs = bool(self._settled)
        self._journal.cut(1 + number)
        self._count()
        if had_outputs:
            self._check()

    def close(self) -> None:
        """Unlock the folder. Again is harmless."""
        self._journal.close()

    def _path_of(self, output: Path) -> str:
        return output.relative_to(self._folder).as_posix()

    def _take_up(self, identity: Identity) -> None:
        journal = self._journal
        if not len(journal):
            lost = journal.damaged or journal.torn
            what = "is damaged from its first line on" if lost else "has nothing to resume"
            self.notices.append(f"{journal.path}: {what}; starts from the beginning")
            journal.cut(0)
            return
        self._compare(journal.lines()[0], identity)
        lost = journal.damaged + journal.torn
        journal.cut(len(journal))
        self._count()
        if lost:
            self.notices.append(
                f"{journal.path}: is damaged from line {len(journal) + 1} on; segments kept: "
                f"{self._segments}, done again: at most {lost}"
            )
        self._check()

    def _compare(self, header: dict[str, Any], identity: Identity) -> None:
        if header["schema"] != SCHEMA:
            raise InputError(
                f"{self._folder}: the earlier run can't go on: its ledger is of another version of "
                "trt-anime; use that, or start again with --overwrite"
            )
        if found := changes(header["identity"], identity):
            raise InputError(
                f"{self._folder}: the earlier run can't go on: {'; '.join(found)}; "
                "use the same settings, or start again with --overwrite"
            )

    def _count(self) -> None:
        lines = self._journal.lines()
        segments = [line for line in lines if line["kind"] == "segment"]
        self._segments = len(segments)
        self.frames = sum(len(line["stamps"]) // 2 for line in segments)
        self._settled = {line["path"]: line for line in lines if line["kind"] == "output"}
        self.is_whole = any(line["kind"] == "end" for line in lines)
        self.is_complete = any(line["kind"] == "complete" for line in lines)

    def _check(self) -> None:
        """Cut the journal down to the lines whose files are as they were written."""
        good: set[str] = set()
        while (line := self._first_flaw(good)) is not None:
            self._journal.cut(line)
            self._count()

    def _first_flaw(self, good: set[str]) -> int | None:
        """Place of the first line that can't be kept, with a notice; None where all can.

        Without its output a segment needs its pieces again, so a line that was good may be bad next time.

        Args:
            good: pieces that needn't be read again; grows.
        """
        for path, line in self._settled.items():
            if flaw := output_flaw(self._folder, line):
                self.notices.append(f"{self._folder / path}: {flaw}, so it is made again")
                return self._journal.lines().index(line)
        replaced = {path for line in self._settled.values() for path in line["pieces"]}
        for segment in self.finished:
            for piece in chain.from_iterable(segment.pieces):
                if piece.path in replaced or piece.path in good:
                    continue
                if flaw := piece_flaw(self._folder / piece.path, piece):
                    self.notices.append(
                        f"{self._folder / piece.path}: {flaw}, so {self._segments - segment.number} of "
                        f"{self._segments} segments are done again, from frame {segment.stamps[0].index} on"
                    )
                    return 1 + segment.number
                good.add(piece.path)
        return None


def _line_of(segment: Finished) -> dict[str, Any]:
    places = [number for stamp in segment.stamps for number in (stamp.pts, stamp.duration)]
    return {
        "kind": "segment",
        "number": segment.number,
        "stamps": [segment.stamps[0].index, *places],
        "computed": segment.computed,
        "shots": segment.shots,
        "pieces": [[astuple(piece) for piece in pieces] for pieces in segment.pieces],
    }


def _segment_of(line: dict[str, Any]) -> Finished:
    first, *places = line["stamps"]
    return Finished(
        number=line["number"],
        stamps=tuple(
            Stamp(first + place, pts, duration)
            for place, (pts, duration) in enumerate(zip(places[::2], places[1::2], strict=True))
        ),
        pieces=tuple(tuple(Piece(*facts) for facts in pieces) for pieces in line["pieces"]),
        computed=line["computed"],
        shots=tuple(line["shots"]),
    )
