"""A file is whole or absent, whoever fails, whoever else writes."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trt_anime.errors import OutputError
from trt_anime.files import (
    read_checked,
    remove_unfinished,
    replacing,
    sha256_of,
    temporary_folder,
    write_bytes,
    write_checked,
    write_copy,
    write_text,
)

WRITE = """
import sys
from pathlib import Path
from trt_anime.files import write_bytes
for _ in range(40):
    write_bytes(Path(sys.argv[1]), sys.argv[2].encode() * 100_000)
"""

WRITE_UNDER_UMASK = """
import os, sys
from pathlib import Path
from trt_anime.files import write_text
os.umask(int(sys.argv[1], 8))
write_text(Path(sys.argv[2]), "x")
"""

CRASH = """
import os, sys
from pathlib import Path
from trt_anime.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os._exit(9)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("linked", [True, False])
def test_a_copy_takes_the_place_of_what_was_there_in_one_step(tmp_path: Path, linked: bool) -> None:
    source, path = tmp_path / "source", tmp_path / "a/copy"
    source.write_bytes(b"new" * 1000)
    write_bytes(path, b"old")
    before = path.open("rb")
    for _ in range(2):  # once more, onto itself where it is a link
        write_copy(path, source, linked=linked)
    with before:
        assert before.read() == b"old"
    assert path.read_bytes() == source.read_bytes()
    assert path.samefile(source) == linked
    assert names(path.parent) == ["copy"]


def test_a_copy_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    (tmp_path / "source").write_bytes(b"new")
    write_bytes(tmp_path / "copy", b"old")
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OutputError, match="copy: can't be written"):
        write_copy(tmp_path / "copy", tmp_path / "source")
    assert (tmp_path / "copy").read_bytes() == b"old"
    assert names(tmp_path) == ["copy", "source"]


def test_writes_into_new_folders(tmp_path: Path) -> None:
    path = tmp_path / "a/b/c.txt"
    write_text(path, "größe")
    assert path.read_bytes() == "größe".encode()
    assert names(path.parent) == ["c.txt"]
    assert sha256_of(path) == hashlib.sha256("größe".encode()).hexdigest()


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.parametrize("old", ["old", None])
def test_failure_leaves_the_old_file(tmp_path: Path, error: BaseException, old: str | None) -> None:
    path = tmp_path / "file"
    if old:
        path.write_text(old)
    with pytest.raises(type(error)), replacing(path) as temporary:
        temporary.write_text("half")
        raise error
    assert names(tmp_path) == (["file"] if old else [])
    assert not old or path.read_text() == old


def test_crash_leaves_the_old_file(tmp_path: Path) -> None:
    """Of a process that is gone, only a hidden file may be left, never half of the real one."""
    path = tmp_path / "file"
    path.write_text("old")
    done = subprocess.run([sys.executable, "-c", CRASH, str(path)])
    assert done.returncode == 9
    assert path.read_text() == "old"
    leftover, kept = names(tmp_path)
    assert kept == "file" and leftover.startswith(".file.") and leftover.endswith(".partial")


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize(("umask", "mode"), [("022", 0o644), ("077", 0o600), ("002", 0o664)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: str, mode: int) -> None:
    path = tmp_path / "file"
    subprocess.run([sys.executable, "-c", WRITE_UNDER_UMASK, umask, str(path)], check=True)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.name != "posix", reason="umask of POSIX")
def test_threads_leave_the_umask_alone(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: write_bytes(tmp_path / str(number), b"x"), range(200)))
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}
    finally:
        after = os.umask(before)
    assert after == 0o027


def test_two_processes_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, str(path), letter]) for letter in "ab"]
    whole = {letter * 100_000 for letter in "ab"}
    seen = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            seen.add(path.read_text())
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen | {path.read_text()} <= whole
    assert names(tmp_path) == ["file"]


def test_the_last_rename_wins(tmp_path: Path) -> None:
    path, first_is_in, second_is_done = tmp_path / "file", threading.Event(), threading.Event()

    def slow() -> None:
        with replacing(path) as temporary:
            temporary.write_text("slow")
            first_is_in.set()
            second_is_done.wait(10)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(slow)
        first_is_in.wait(10)
        write_text(path, "quick")
        assert path.read_text() == "quick"
        second_is_done.set()
        done.result()
    assert path.read_text() == "slow"


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    path = tmp_path / "blocked/file"
    with pytest.raises(OutputError) as raised:
        write_text(path, "x")
    assert str(raised.value) in {
        f"{path}: can't be written ({reason}); free space or choose another folder"
        for reason in ("Not a directory", "File exists")
    }


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OutputError, match="can't be written"):
        write_text(tmp_path / "file", "x")
    assert names(tmp_path) == ["file"]


def test_a_full_disk_speaks(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"file: can't be written \(No space left on device\)"):  # noqa: SIM117
        with replacing(tmp_path / "file"):
            raise OSError(28, "No space left on device")
    assert names(tmp_path) == []


def test_the_longest_names_fit(tmp_path: Path) -> None:
    path = tmp_path / ("作" * 85)  # 255 bytes, all that a file system takes
    write_text(path, "x")
    assert names(tmp_path) == [path.name]


def test_checked_files(tmp_path: Path) -> None:
    file = tmp_path / "a.cache"
    assert read_checked(file) is None
    for data in (b"", b"data", bytes(100)):
        write_checked(file, data)
        assert read_checked(file) == data
    content = file.read_bytes()
    for place in range(len(content)):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert read_checked(file) is None
        file.write_bytes(content[:place])
        assert read_checked(file) is None


def test_what_killed_processes_were_writing_is_removed_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CRASH, str(tmp_path / "a.json")], check=False)
    with temporary_folder(tmp_path / "elsewhere") as folder:
        (folder / "weights").write_text("x")
        shutil.copytree(folder, tmp_path / folder.name)
    (tmp_path / "elsewhere").rmdir()
    for name in (".mine.partial", ".video.mkv.partial", "b.json"):
        (tmp_path / name).write_text("mine")
    assert len(names(tmp_path)) == 5
    remove_unfinished(tmp_path, older_s=3600)
    assert len(names(tmp_path)) == 5
    remove_unfinished(tmp_path)
    assert names(tmp_path) == [".mine.partial", ".video.mkv.partial", "b.json"]
    remove_unfinished(tmp_path / "not there")
