"""The ledger: what it calls finished was finished, and is still there."""

import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runtime.ledger.runs import IDENTITY, LENGTH, fill, resumed, segment, start, write
from trt_anime.errors import InputError, OutputError
from trt_anime.runtime.ledger import segments as module
from trt_anime.runtime.ledger.journal import Journal
from trt_anime.runtime.ledger.segments import FILE_NAME, Ledger
from trt_anime.runtime.ledger.verify import piece_flaw
from trt_anime.runtime.media.frames import Stamp
from trt_anime.runtime.media.sinks import Piece
from trt_anime.runtime.segments import Finished

COUNT = 4

CHILD = """
import sys
from pathlib import Path
from tests.runtime.ledger.runs import resumed, segment, write
folder = Path(sys.argv[1])
with resumed(folder) as ledger:
    print("finished", len(ledger.finished), flush=True)
    for number in range(len(ledger.finished), 100_000):
        ledger.append(write(folder, segment(number)))
        print(number, flush=True)
"""


def expected(count: int) -> tuple[Finished, ...]:
    return tuple(segment(number) for number in range(count))


def spoil(path: Path) -> None:
    """Change one byte, and nothing else that can be seen from outside."""
    facts = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def remove(path: Path) -> None:
    path.unlink()


def test_goes_on_after_the_finished_segments(tmp_path: Path) -> None:
    start(tmp_path, 2)
    with resumed(tmp_path) as ledger:
        assert ledger.finished == expected(2)
        assert ledger.frames == 2 * LENGTH
        assert not ledger.is_complete
        assert ledger.notices == []
        fill(ledger, tmp_path, range(2, COUNT))
        assert ledger.finished == expected(COUNT)
    with resumed(tmp_path) as ledger:
        assert ledger.finished == expected(COUNT)


def test_a_resumed_ledger_has_the_same_bytes_as_one_in_a_single_run(tmp_path: Path) -> None:
    start(tmp_path / "once", COUNT)
    start(tmp_path / "twice", 2)
    with resumed(tmp_path / "twice") as ledger:
        fill(ledger, tmp_path / "twice", range(2, COUNT))
    once, twice = (tmp_path / name / FILE_NAME for name in ("once", "twice"))
    assert once.read_bytes() == twice.read_bytes()


def test_keeps_negative_and_uneven_time_stamps(tmp_path: Path) -> None:
    stamps = (Stamp(0, -(2**40), 0), Stamp(1, 5, 7), Stamp(2, 2**40, 1))
    odd = replace(segment(0), stamps=stamps, shots=(0, 2))
    with Ledger.open(tmp_path, IDENTITY, resume=False) as ledger:
        ledger.append(write(tmp_path, odd))
    with resumed(tmp_path) as ledger:
        assert ledger.finished == (odd,)


def test_with_nothing_to_resume_it_starts_and_says_so(tmp_path: Path) -> None:
    with resumed(tmp_path / "new") as ledger:
        assert ledger.finished == ()
        [notice] = ledger.notices
        assert notice.endswith("has nothing to resume; starts from the beginning")
        fill(ledger, tmp_path / "new", range(1))
    with resumed(tmp_path / "new") as ledger:
        assert ledger.finished == expected(1)


def test_without_resume_it_starts_afresh(tmp_path: Path) -> None:
    start(tmp_path, COUNT)
    with Ledger.open(tmp_path, {"format": "png"}, resume=False) as ledger:
        assert ledger.finished == ()
        assert ledger.notices == []
    with pytest.raises(InputError, match="format: png before, ffv1 now"), resumed(tmp_path):
        pass


def test_another_identity_is_refused_and_nothing_changed(tmp_path: Path) -> None:
    start(tmp_path, COUNT)
    ledger_file = tmp_path / FILE_NAME
    ledger_file.write_bytes(ledger_file.read_bytes() + b"torn")
    before = ledger_file.read_bytes()
    with pytest.raises(InputError) as caught:
        Ledger.open(tmp_path, IDENTITY | {"format": "prores"}, resume=True)
    assert str(caught.value) == (
        f"{tmp_path}: the earlier run can't go on: format: ffv1 before, prores now; "
        "use the same settings, or start again with --overwrite"
    )
    assert ledger_file.read_bytes() == before
    assert not (tmp_path / ".ledger.lock").exists()


def test_another_schema_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "SCHEMA", module.SCHEMA + 1)
        start(tmp_path, 1)
    with pytest.raises(InputError, match="ledger is of another version of trt-anime"), resumed(tmp_path):
        pass


def test_a_second_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    with Ledger.open(tmp_path, IDENTITY, resume=False) as ledger:
        fill(ledger, tmp_path, range(1))
        for resume in (True, False):
            with pytest.raises(InputError, match="another trt-anime process is writing there"):
                Ledger.open(tmp_path, IDENTITY, resume=resume)
        assert ledger.finished == expected(1)


@pytest.mark.parametrize(
    ("harm", "flaw"),
    [
        (spoil, "doesn't hold what was written"),
        (shorten, "bytes instead of"),
        (remove, "can't be read (No such file or directory)"),
    ],
)
@pytest.mark.parametrize("layer", ["character", "effects"])
@pytest.mark.parametrize("number", range(COUNT))
def test_a_bad_piece_and_all_after_it_are_done_again(
    tmp_path: Path, number: int, layer: str, harm: Callable[[Path], None], flaw: str
) -> None:
    start(tmp_path, COUNT)
    piece = tmp_path / f"{layer}/{number:06}.mkv"
    harm(piece)
    with resumed(tmp_path) as ledger:
        assert ledger.finished == expected(number)
        assert ledger.frames == number * LENGTH
        [notice] = ledger.notices
        assert notice.startswith(f"{piece}: ")
        assert flaw in notice
        assert f"so {COUNT - number} of {COUNT} segments are done again" in notice
        fill(ledger, tmp_path, range(number, COUNT))
    with resumed(tmp_path) as ledger:
        assert ledger.finished == expected(COUNT)
        assert ledger.notices == []


def test_every_piece_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(tmp_path, COUNT)
    shorten(tmp_path / "effects/000002.mkv")
    read: list[Path] = []

    def spy(path: Path, piece: Piece) -> str | None:
        read.append(path)
        return piece_flaw(path, piece)

    monkeypatch.setattr(module, "piece_flaw", spy)
    with resumed(tmp_path):
        pass
    names = [f"{layer}/{number:06}.mkv" for number in range(3) for layer in ("character", "effects")]
    assert read == [tmp_path / name for name in names]


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `COUNT` segments, complete."""
    folder = tmp_path_factory.mktemp("run")
    start(folder, COUNT)
    with resumed(folder) as ledger:
        ledger.complete()
    return folder


def lines_kept(folder: Path, data: bytes) -> int:
    """Segments that are kept of a ledger with these bytes; any that is kept must be a true one."""
    (folder / FILE_NAME).write_bytes(data)
    with resumed(folder) as ledger:
        kept = ledger.finished
        assert kept == expected(len(kept))
        return len(kept)


def test_damage_anywhere_in_the_ledger_keeps_what_stands_before(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # a thousand openings
    whole = (finished_run / FILE_NAME).read_bytes()
    try:
        for position in range(0, len(whole), 7):
            before = max(0, whole[:position].count(b"\n") - 1)
            flipped = bytearray(whole)
            flipped[position] ^= 1
            assert lines_kept(finished_run, bytes(flipped)) == min(before, COUNT)
            assert lines_kept(finished_run, whole[:position]) == min(before, COUNT)
    finally:
        (finished_run / FILE_NAME).write_bytes(whole)


def test_damage_is_told_with_what_it_costs(tmp_path: Path) -> None:
    start(tmp_path, COUNT)
    path = tmp_path / FILE_NAME
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b'"computed":2', b'"computed":3'), *lines[3:]]))
    with resumed(tmp_path) as ledger:
        assert ledger.notices == [
            f"{path}: is damaged from line 3 on; segments kept: 1, done again: at most 3"
        ]
    assert path.read_bytes() == b"".join(lines[:2])


def test_a_damaged_first_line_starts_from_the_beginning(tmp_path: Path) -> None:
    start(tmp_path, COUNT)
    path = tmp_path / FILE_NAME
    path.write_bytes(b"x" + path.read_bytes())
    with resumed(tmp_path) as ledger:
        assert ledger.finished == ()
        assert ledger.notices == [f"{path}: is damaged from its first line on; starts from the beginning"]
    with resumed(tmp_path) as ledger:
        assert ledger.notices == []


@pytest.mark.parametrize("number", range(COUNT + 1))
def test_the_tail_can_be_dropped(tmp_path: Path, number: int) -> None:
    start(tmp_path, COUNT)
    with resumed(tmp_path) as ledger:
        ledger.complete()
        ledger.drop_from(number)
        assert (ledger.finished, ledger.frames) == (expected(number), number * LENGTH)
        assert not ledger.is_complete
        fill(ledger, tmp_path, range(number, COUNT))
    with resumed(tmp_path) as ledger:
        assert ledger.finished == expected(COUNT)


def test_a_short_last_segment_can_be_replaced_by_a_full_one(tmp_path: Path) -> None:
    start(tmp_path, 1)
    with resumed(tmp_path) as ledger:
        ledger.append(write(tmp_path, segment(1, frames=LENGTH - 1)))
        assert ledger.frames == 2 * LENGTH - 1
    with resumed(tmp_path) as ledger:
        assert len(ledger.finished[-1].stamps) == LENGTH - 1
        ledger.drop_from(1)
        fill(ledger, tmp_path, range(1, 2))
        assert ledger.finished == expected(2)


@pytest.mark.parametrize("number", [-1, COUNT + 1])
def test_what_is_not_there_cannot_be_dropped(tmp_path: Path, number: int) -> None:
    start(tmp_path, COUNT)
    with resumed(tmp_path) as ledger, pytest.raises(ValueError, match="can't be dropped"):
        ledger.drop_from(number)


@pytest.mark.parametrize("number", [0, 2])
def test_segments_come_in_order(tmp_path: Path, number: int) -> None:
    start(tmp_path, 1)
    with resumed(tmp_path) as ledger:
        with pytest.raises(ValueError, match=f"segment {number} .*doesn't follow 1 segments with 3 frames"):
            ledger.append(segment(number))
        assert ledger.finished == expected(1)


def test_segments_leave_no_gap(tmp_path: Path) -> None:
    start(tmp_path, 1)
    late = replace(segment(1), stamps=segment(1).stamps[1:])
    with resumed(tmp_path) as ledger, pytest.raises(ValueError, match="from frame 4 doesn't follow"):
        ledger.append(late)


def test_a_complete_run_stays_complete(tmp_path: Path) -> None:
    start(tmp_path, COUNT)
    with resumed(tmp_path) as ledger:
        assert not ledger.is_complete
        ledger.complete()
        assert ledger.is_complete
        ledger.complete()
        with pytest.raises(ValueError, match="comes after the end"):
            ledger.append(segment(COUNT))
    assert (tmp_path / FILE_NAME).read_bytes().count(b'"complete"') == 1
    with resumed(tmp_path) as ledger:
        assert ledger.is_complete
        assert ledger.finished == expected(COUNT)


def test_a_complete_run_with_a_bad_piece_is_not(tmp_path: Path) -> None:
    start(tmp_path, COUNT)
    with resumed(tmp_path) as ledger:
        ledger.complete()
    spoil(tmp_path / "character/000003.mkv")
    with resumed(tmp_path) as ledger:
        assert not ledger.is_complete
        assert ledger.finished == expected(3)


def settled_run(folder: Path, *layers: str, complete: bool) -> None:
    """A run whose segments went into one file for each of `layers`; their pieces are gone."""
    start(folder, COUNT)
    with resumed(folder) as ledger:
        for layer in layers:
            sink = ("character", "effects").index(layer)
            output = folder / f"{layer}.mkv"
            output.write_bytes(b"the film of " + layer.encode())
            assert not ledger.is_settled(output)
            ledger.settle(output, [piece for part in ledger.finished for piece in part.pieces[sink]])
            assert ledger.is_settled(output)
            shutil.rmtree(folder / layer)
        if complete:
            ledger.complete()


def test_pieces_may_go_once_their_output_is_settled(tmp_path: Path) -> None:
    settled_run(tmp_path, "character", complete=False)
    with resumed(tmp_path) as ledger:
        assert ledger.notices == []
        assert ledger.finished == expected(COUNT)
        assert ledger.is_settled(tmp_path / "character.mkv")
        assert not ledger.is_settled(tmp_path / "effects.mkv")
        with pytest.raises(ValueError, match="comes after the end"):
            ledger.append(segment(COUNT))


def test_settled_outputs_of_a_complete_run_are_enough(tmp_path: Path) -> None:
    settled_run(tmp_path, "character", "effects", complete=True)
    with resumed(tmp_path) as ledger:
        assert ledger.is_complete
        assert ledger.notices == []


def touch(path: Path) -> None:
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def shorten_unseen(path: Path) -> None:
    time = path.stat().st_mtime_ns
    shorten(path)
    os.utime(path, ns=(0, time))


@pytest.mark.parametrize("harm", [touch, shorten_unseen, remove])
@pytest.mark.parametrize("layer", ["character", "effects"])
def test_without_its_settled_output_a_run_starts_again(
    tmp_path: Path, layer: str, harm: Callable[[Path], None]
) -> None:
    settled_run(tmp_path, "character", "effects", complete=True)
    harm(tmp_path / f"{layer}.mkv")
    with resumed(tmp_path) as ledger:
        assert not ledger.is_complete
        assert ledger.finished == ()
        assert not ledger.is_settled(tmp_path / f"{layer}.mkv")
        assert ledger.notices[0].startswith(f"{tmp_path / layer}.mkv: ")
        fill(ledger, tmp_path, range(COUNT))
        assert ledger.finished == expected(COUNT)


def test_an_output_lost_before_its_pieces_costs_no_segment(tmp_path: Path) -> None:
    settled_run(tmp_path, "character", complete=False)
    fill_again = [write(tmp_path, segment(number)) for number in range(COUNT)]  # the pieces are still there
    (tmp_path / "character.mkv").unlink()
    with resumed(tmp_path) as ledger:
        assert ledger.finished == tuple(fill_again)
        assert not ledger.is_settled(tmp_path / "character.mkv")


def test_a_bad_piece_of_one_output_needs_those_of_the_settled_one_too(tmp_path: Path) -> None:
    settled_run(tmp_path, "character", complete=False)
    spoil(tmp_path / "effects/000002.mkv")
    with resumed(tmp_path) as ledger:
        assert ledger.finished == ()
        assert not ledger.is_settled(tmp_path / "character.mkv")
        assert len(ledger.notices) == 2


def test_dropping_the_tail_of_a_settled_run_drops_what_has_no_pieces(tmp_path: Path) -> None:
    settled_run(tmp_path, "character", "effects", complete=True)
    with resumed(tmp_path) as ledger:
        ledger.drop_from(3)
        assert (ledger.finished, ledger.frames) == ((), 0)
        assert not ledger.is_complete
        fill(ledger, tmp_path, range(COUNT))


def test_an_output_that_is_made_again_is_settled_again(tmp_path: Path) -> None:
    start(tmp_path, COUNT)
    output = tmp_path / "character.mkv"
    with resumed(tmp_path) as ledger:
        pieces = [piece for part in ledger.finished for piece in part.pieces[0]]
        for data in (b"first", b"first", b"second"):
            if not output.exists() or output.read_bytes() != data:
                output.write_bytes(data)
            ledger.settle(output, pieces)
    assert (tmp_path / FILE_NAME).read_bytes().count(b'"output"') == 2
    shutil.rmtree(tmp_path / "character")
    with resumed(tmp_path) as ledger:
        assert ledger.finished == expected(COUNT)
        assert ledger.notices == []


def test_a_folder_of_images_keeps_its_pieces(tmp_path: Path) -> None:
    start(tmp_path, COUNT)
    with resumed(tmp_path) as ledger:
        before = (tmp_path / FILE_NAME).read_bytes()
        ledger.settle(tmp_path / "character", ledger.finished[0].pieces[0])
        assert not ledger.is_settled(tmp_path / "character")
        assert (tmp_path / FILE_NAME).read_bytes() == before


def test_an_output_that_is_not_there_cannot_be_settled(tmp_path: Path) -> None:
    start(tmp_path, COUNT)
    with resumed(tmp_path) as ledger:
        with pytest.raises(OutputError, match=r"character\.mkv"):
            ledger.settle(tmp_path / "character.mkv", [])
        assert not ledger.is_settled(tmp_path / "character.mkv")


def test_full_disk_keeps_the_finished_segments(tmp_path: Path) -> None:
    start(tmp_path, 2)
    with resumed(tmp_path) as ledger:
        write(tmp_path, segment(2))
        size_bytes = (tmp_path / FILE_NAME).stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes + 50, hard))
        try:
            with pytest.raises(OutputError, match=r"ledger\.jsonl: can't be written"):
                ledger.append(segment(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (ledger.finished, ledger.frames) == (expected(2), 2 * LENGTH)
    with resumed(tmp_path) as ledger:
        assert ledger.notices == []
        fill(ledger, tmp_path, range(2, COUNT))
        assert ledger.finished == expected(COUNT)


def test_a_ledger_that_cannot_begin_leaves_no_file(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OutputError):
            Ledger.open(tmp_path, IDENTITY, resume=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_without_locks_a_notice_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "is_locked", False)
    with Ledger.open(tmp_path, IDENTITY, resume=False) as ledger:
        assert ledger.notices == [
            f"{tmp_path}: its file system knows no locks; don't let a second run write there"
        ]


def test_a_file_in_the_folders_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError, match="File exists"):
        Ledger.open(tmp_path / "out", IDENTITY, resume=False)


def test_killed_at_random_it_never_loses_what_it_promised(tmp_path: Path) -> None:
    """One run, killed twenty times; what `append` returned for is there the next time."""
    chance = random.Random(3)
    promised = 0
    for _ in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            assert int(child.stdout.readline().removeprefix("finished ")) >= promised
            lines = [child.stdout.readline() for _ in range(chance.randrange(12))]
            child.kill()
            lines += child.stdout.readlines()
        promised = max([promised, *(int(line) + 1 for line in lines)])
        with resumed(tmp_path) as ledger:
            assert len(ledger.finished) >= promised
            assert ledger.finished == expected(len(ledger.finished))
            # A line may be torn, but every file that a whole one names is good.
            assert all("is damaged from line" in notice for notice in ledger.notices)
    assert promised > 20
