import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.engines.records import ENGINE, MANIFEST, RECIPE
from tests.house.layout import ROOT
from trt_anime.engines import locks, pruning, store
from trt_anime.engines.pruning import prune, remove
from trt_anime.engines.store import Entry
from trt_anime.errors import OutputError

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DAY = timedelta(days=1)


def engine(target: str, *, age: timedelta = timedelta(0), size_bytes: int = len(ENGINE)) -> Entry:
    """An engine last used `age` before NOW; with its manifest it takes a bit more than `size_bytes`."""
    manifest = replace(MANIFEST, recipe=replace(RECIPE, target=target), size_bytes=size_bytes)
    entry = store.install(manifest, bytes(size_bytes))
    used_s = (NOW - age).timestamp()
    os.utime(entry.folder / "manifest.json", (used_s, used_s))
    return entry


@contextmanager
def held_elsewhere(lock: Path) -> Iterator[None]:
    """Another process has a lock."""
    code = f"""
from pathlib import Path
from trt_anime.engines.locks import locked
with locked(Path({str(lock)!r})):
    print("held", flush=True)
    input()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdin and child.stdout and child.stdout.readline() == "held\n"
    try:
        yield
    finally:
        child.communicate("\n")


def test_by_age(home: Path) -> None:
    old, new = engine("rtx-sm75", age=31 * DAY), engine("rtx-sm86", age=29 * DAY)
    pruned = prune(older_than=30 * DAY, now=NOW)
    (found,) = pruned.removed
    assert (found.path, found.reason) == (old.folder, "was last used on 2026-10-25")
    assert found.size_bytes > len(ENGINE)
    assert store.entries() == [new] and not old.folder.exists()
    assert pruned.kept_bytes == sum(file.stat().st_size for file in new.folder.iterdir())


def test_by_size_the_unused_go_first(home: Path) -> None:
    sizes = {"rtx-sm75": 2, "rtx-sm80": 3, "rtx-sm86": 1}  # days since they were used
    found = {target: engine(target, age=age * DAY, size_bytes=10**6) for target, age in sizes.items()}
    pruned = prune(most_bytes=2_100_000, now=NOW)
    assert [item.path for item in pruned.removed] == [found["rtx-sm80"].folder]
    assert "unused for longest" in pruned.removed[0].reason
    pruned = prune(most_bytes=10**6, now=NOW)  # an engine is a bit more: none fits
    assert [item.path for item in pruned.removed] == [
        found[name].folder for name in ("rtx-sm75", "rtx-sm86")
    ]
    assert store.entries() == [] and pruned.kept_bytes == 0


def test_without_limits_engines_stay(home: Path) -> None:
    entry = engine("rtx-sm75", age=1000 * DAY)
    assert prune(now=NOW).removed == () and store.entries() == [entry]


def test_a_use_makes_an_engine_young(home: Path) -> None:
    entry = engine("rtx-sm75", age=31 * DAY)
    store.used(entry)
    assert prune(older_than=30 * DAY, now=datetime.now(UTC)).removed == ()


def test_leftovers_go(home: Path) -> None:
    entry = engine("rtx-sm75")
    partial = entry.folder / ".runtime-x.cache.abc.partial"
    partial.write_bytes(b"half")
    cut_off = home / "engines" / "matte-toy-96x64-fp16-rtx-sm80-12345678"
    cut_off.mkdir()
    (cut_off / "engine.plan").write_bytes(b"whole, without a manifest")
    with store.locked(RECIPE):
        pass
    assert list((home / "engines" / ".locks").iterdir())
    pruned = prune(now=NOW)
    assert {(item.path, item.reason) for item in pruned.removed} == {
        (cut_off, "its build was cut off"),
        (partial, "its writer was killed"),
    }
    assert store.survey() == [entry]
    assert list((home / "engines" / ".locks").iterdir()) == []


def test_a_damaged_engine_is_no_leftover(home: Path) -> None:
    """A release that reads its manifest may find more in it than this one."""
    entry = engine("rtx-sm75")
    (entry.folder / "manifest.json").write_text('{"schema": 99}')
    assert prune(now=NOW).removed == () and entry.folder.exists()


@pytest.mark.parametrize("name", ["my-engines", "matte-toy-96x64-fp16-rtx-sm80-12345678"])
def test_what_is_not_ours_stays(home: Path, name: str) -> None:
    folder = home / "engines" / name
    folder.mkdir(parents=True)
    (folder / ("notes.txt" if name.startswith("matte") else "engine.plan")).write_text("mine")
    assert prune(older_than=timedelta(0), most_bytes=0, now=NOW).removed == ()
    assert list(folder.iterdir())


def test_a_dry_run_changes_nothing(home: Path) -> None:
    entry = engine("rtx-sm75", age=31 * DAY)
    before = sorted(home.rglob("*"))
    (found,) = prune(older_than=DAY, now=NOW, dry_run=True).removed
    assert found.path == entry.folder and sorted(home.rglob("*")) == before


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_another_process_holds_stays(home: Path, dry_run: bool) -> None:
    entry = engine("rtx-sm75", age=31 * DAY)
    begun = home / "engines" / "matte-toy-96x64-fp16-rtx-sm80-12345678"
    begun.mkdir()
    with held_elsewhere(store.lock_of(entry.folder)), held_elsewhere(store.lock_of(begun)):
        pruned = prune(older_than=DAY, most_bytes=0, now=NOW, dry_run=dry_run)
        assert pruned.removed == () and {item.path for item in pruned.held} == {entry.folder, begun}
        assert pruned.kept_bytes > 0 and begun.exists()
        assert store.lock_of(entry.folder).exists()  # else a third process could hold it too
    assert store.entries() == [entry]
    assert len(prune(older_than=DAY, now=NOW).removed) == 2


def test_an_engine_that_is_used_meanwhile_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = engine("rtx-sm75", age=31 * DAY)
    original = locks.locked

    @contextmanager
    def late(file: Path, *, timeout_s: float | None = None) -> Iterator[bool]:
        store.used(entry)
        with original(file, timeout_s=timeout_s) as held:
            yield held

    monkeypatch.setattr(locks, "locked", late)
    pruned = prune(older_than=DAY, now=NOW)
    assert pruned.removed == () and len(pruned.held) == 1 and store.entries() == [entry]


def test_old_timing_caches(home: Path) -> None:
    folder = home / "engines" / ".caches"
    folder.mkdir(parents=True)
    ages = {"old.cache": 31 * DAY, "new.cache": DAY, ".new.cac.ab.partial": DAY / 2, ".x.partial": 2 * DAY}
    for name, age in ages.items():
        file = folder / name
        file.write_bytes(b"?")
        changed_s = (NOW - age).timestamp()
        os.utime(file, (changed_s, changed_s))
    removed = prune(older_than=30 * DAY, now=NOW).removed
    assert {found.path.name: found.reason for found in removed} == {
        ".x.partial": "was last added to on 2026-11-23",
        "old.cache": "was last added to on 2026-10-25",
    }
    assert sorted(path.name for path in folder.iterdir()) == [".new.cac.ab.partial", "new.cache"]


def test_remove(home: Path) -> None:
    entry = engine("rtx-sm75")
    (entry.folder / store.kernels_file("NVIDIA L4")).write_bytes(b"kernels")
    remove(entry)
    remove(entry)  # another process may have been the first
    assert store.survey() == []


def test_a_folder_that_can_not_be_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = engine("rtx-sm75")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        remove(entry)


def test_an_empty_store(home: Path) -> None:
    assert prune(older_than=DAY, most_bytes=0, now=NOW) == pruning.Pruned((), (), 0)
    assert not home.exists()


def test_builders_and_pruners_race(home: Path) -> None:
    """Each lock is held by one process at a time, although others remove its file again and again."""
    builder = """
import os, sys
from tests.engines.records import ENGINE, MANIFEST, RECIPE
from trt_anime.engines import store
from trt_anime import paths
for _ in range(40):
    with store.locked(RECIPE):
        mark = paths.engines() / "inside"
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        entry = store.install(MANIFEST, ENGINE)
        assert store.damage(entry) is None
        assert store.find(RECIPE) == entry
        mark.unlink()
"""
    pruner = """
from datetime import timedelta
from trt_anime.engines.pruning import prune
for _ in range(80):
    prune(older_than=timedelta(0), most_bytes=0)
"""
    (home / "engines").mkdir(parents=True)
    children = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, cwd=ROOT)
        for code in (builder, pruner, builder, pruner)
    ]
    for child in children:
        assert (child.communicate()[1], child.returncode) == ("", 0)
    prune(most_bytes=0, now=datetime.now(UTC))
    assert sorted(path.name for path in (home / "engines").rglob("*")) == [".locks"]
