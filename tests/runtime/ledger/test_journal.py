"""The journal: every change is found, and nothing is ever half in it."""

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trt_anime.errors import InputError, OutputError
from trt_anime.runtime.ledger.journal import Journal

ROWS: list[dict[str, Any]] = [
    {"kind": "run", "name": "かな\n"},
    {"n": 1},
    {"n": 1},
    {"n": [2, {"x": None}]},
]

HOLDER = """
import sys
from pathlib import Path
from trt_anime.runtime.ledger.journal import Journal
journal = Journal(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file to write over again and again."""
    return tmp_path_factory.mktemp("journal") / "ledger.jsonl"


@pytest.fixture(scope="module")
def whole(place: Path) -> bytes:
    """A journal of `ROWS`."""
    with_rows(place)
    return place.read_bytes()


def with_rows(path: Path) -> None:
    path.unlink(missing_ok=True)
    journal = Journal(path)
    for row in ROWS:
        journal.append(row)
    journal.close()


def reopened(path: Path, data: bytes) -> tuple[list[dict[str, Any]], int]:
    """Lines that count in `data`, and how much more was found; the file is left unchanged."""
    path.write_bytes(data)
    journal = Journal(path)
    try:
        assert path.read_bytes() == data
        return journal.lines(), journal.damaged + journal.torn
    finally:
        journal.close()


def test_gives_back_what_was_appended(place: Path, whole: bytes) -> None:
    assert reopened(place, whole) == (ROWS, 0)
    assert whole.isascii()


def test_continues_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with_rows(path)
    journal = Journal(path)
    journal.append({"n": 3})
    journal.close()
    assert reopened(path, path.read_bytes()) == ([*ROWS, {"n": 3}], 0)


def test_cut_at_any_byte_it_keeps_the_whole_lines(place: Path, whole: bytes) -> None:
    for length in range(len(whole)):
        ends = whole[:length].count(b"\n")
        torn = int(length > 0 and whole[length - 1 : length] != b"\n")
        assert reopened(place, whole[:length]) == (ROWS[:ends], torn)


def test_a_changed_byte_ends_it_before_that_line(place: Path, whole: bytes) -> None:
    for position in range(len(whole)):
        data = bytearray(whole)
        data[position] ^= 1
        lines, lost = reopened(place, bytes(data))
        assert lines == ROWS[: whole[:position].count(b"\n")]
        assert lost


@given(st.data())
def test_lines_removed_doubled_or_swapped_end_it_there(
    place: Path, whole: bytes, data: st.DataObject
) -> None:
    lines = whole.splitlines(keepends=True)
    order = data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=6))
    kept = next((at for at, line in enumerate(order) if line != at), len(order))
    found, lost = reopened(place, b"".join(lines[line] for line in order))
    assert found == ROWS[:kept]
    assert lost == len(order) - kept


@given(st.binary(max_size=200))
def test_rubbish_holds_no_lines(place: Path, data: bytes) -> None:
    assert reopened(place, data)[0] == []


def test_lines_of_another_journal_do_not_count(place: Path, whole: bytes, tmp_path: Path) -> None:
    other = Journal(tmp_path / "other.jsonl")
    other.append({"kind": "run", "name": "another"})
    other.close()
    first = (tmp_path / "other.jsonl").read_bytes()
    lines, lost = reopened(place, first + b"".join(whole.splitlines(keepends=True)[1:]))
    assert (lines, lost) == ([{"kind": "run", "name": "another"}], 3)


def test_cut_takes_off_lines_and_damage(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with_rows(path)
    before = path.read_bytes()
    path.write_bytes(before + b'{"sum":"torn')
    journal = Journal(path)
    journal.cut(len(journal))
    assert path.read_bytes() == before
    journal.cut(2)
    journal.append({"n": 9})
    assert journal.lines() == [*ROWS[:2], {"n": 9}]
    journal.close()
    assert reopened(path, path.read_bytes()) == ([*ROWS[:2], {"n": 9}], 0)


def test_a_line_is_synced_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.jsonl"
    journal = Journal(path)
    sizes: list[int] = []
    real = os.fsync

    def spy(handle: int) -> None:
        real(handle)
        sizes.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", spy)
    journal.append({"n": 1})
    assert sizes == [path.stat().st_size]
    journal.close()


def test_a_new_file_is_synced_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    Journal(tmp_path / "ledger.jsonl").close()
    assert synced == [tmp_path.stat().st_ino]


def test_full_disk_leaves_it_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with_rows(path)
    before = path.read_bytes()
    journal = Journal(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
    try:
        with pytest.raises(OutputError, match=r"ledger\.jsonl: can't be written"):
            journal.append({"n": "long " * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    journal.append({"n": 3})  # room was made
    assert journal.lines() == [*ROWS, {"n": 3}]
    journal.close()


def refuse(handle: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def interrupt(handle: int) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("fails", "error"), [(refuse, OutputError), (interrupt, KeyboardInterrupt)])
def test_a_line_that_is_not_synced_is_not_kept(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: Callable[[int], None],
    error: type[BaseException],
) -> None:
    path = tmp_path / "ledger.jsonl"
    with_rows(path)
    before = path.read_bytes()
    journal = Journal(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(error):
            journal.append({"n": 3})
    assert path.read_bytes() == before
    journal.append({"n": 4})
    assert journal.lines() == [*ROWS, {"n": 4}]
    journal.close()


def test_nan_is_refused_and_nothing_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    journal = Journal(path)
    with pytest.raises(ValueError, match="JSON compliant"):
        journal.append({"n": float("nan")})
    assert path.read_bytes() == b""
    journal.close()


def test_two_journals_do_not_open_one_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Journal(path)
    with pytest.raises(InputError, match="another trt-anime process is writing there"):
        Journal(path)
    first.append({"n": 1})
    first.close()
    second = Journal(path)
    assert second.lines() == [{"n": 1}]
    second.close()
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.jsonl"]


def test_another_process_is_kept_out_and_a_killed_one_bars_nobody(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(InputError, match="another trt-anime process is writing there"):
            Journal(path)
        holder.kill()
    Journal(path).close()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_journal_leaves_no_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "ledger.jsonl")
    assert {file.name for file in tmp_path.iterdir()} == {"ledger.jsonl", ".ledger.lock"}
    journal.close()
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_without_locks_it_works_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_locks(monkeypatch, errno.ENOLCK)
    journal = Journal(tmp_path / "ledger.jsonl")
    assert not journal.is_locked
    journal.append({"n": 1})
    journal.close()


def test_a_lock_that_fails_otherwise_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_locks(monkeypatch, errno.EROFS)
    with pytest.raises(OutputError, match="Read-only"):
        Journal(tmp_path / "ledger.jsonl")


def refuse_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    import fcntl

    def flock(handle: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.mkdir()
    with pytest.raises(OutputError, match="Is a directory"):
        Journal(path)
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.jsonl"]
