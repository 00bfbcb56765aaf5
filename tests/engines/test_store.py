import errno
import os
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from tests.engines.records import ENGINE, MANIFEST, RECIPE
from tests.house.layout import ROOT
from trt_anime.engines import manifest, store
from trt_anime.engines.manifest import Profile
from trt_anime.errors import OutputError
from trt_anime.files import output_error

OTHER: dict[str, Any] = {
    "stage": "inpaint",
    "model": "tiny",
    "graph_sha256": "2" * 64,
    "typed_sha256": "4" * 64,
    "precision": "fp32",
    "profile": Profile(height=64, width=96, max_batch=8),
    "target": "rtx-sm86",
    "flavour_version": "1.7.2",
    "system": "win32-amd64",
    "build_flags": ("strongly_typed", "tf32=off"),
    "tools": {"onnx": "1.23.3"},
}


@pytest.mark.parametrize("field", [field.name for field in fields(RECIPE)])
def test_every_field_changes_the_key(field: str) -> None:
    assert store.key_of(replace(RECIPE, **{field: OTHER[field]})) != store.key_of(RECIPE)


@pytest.mark.parametrize("field", [field.name for field in fields(Profile)])
def test_every_shape_changes_the_key(field: str) -> None:
    profile = replace(RECIPE.profile, **{field: 3})
    assert store.key_of(replace(RECIPE, profile=profile)) != store.key_of(RECIPE)


def test_schema_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = store.key_of(RECIPE)
    monkeypatch.setattr(store, "SCHEMA", manifest.SCHEMA + 1)
    assert store.key_of(RECIPE) != before


def test_equal_recipes_have_one_key() -> None:
    tools = {"b": "1", "a": "2"}
    turned = dict(reversed(tools.items()))
    assert store.key_of(replace(RECIPE, tools=tools)) == store.key_of(replace(RECIPE, tools=turned))


def test_what_was_installed_is_found(home: Path) -> None:
    assert store.find(RECIPE) is None
    assert store.entries() == []
    entry = store.install(MANIFEST, ENGINE)
    assert store.find(RECIPE) == entry
    assert store.entries() == [entry]
    assert entry.engine.read_bytes() == ENGINE
    key = store.key_of(RECIPE)[:8]
    assert entry.folder == home / "engines" / f"matte-toy-96x64-fp16-rtx-sm89-{key}"


def test_another_recipe_is_not_found(home: Path) -> None:
    store.install(MANIFEST, ENGINE)
    assert store.find(replace(RECIPE, flavour_version="1.8")) is None


@pytest.mark.parametrize("damage", [ENGINE[:-1], ENGINE + b"x", b"X" + ENGINE[1:], b""])
def test_damaged_engine_is_not_found(home: Path, damage: bytes) -> None:
    entry = store.install(MANIFEST, ENGINE)
    entry.engine.write_bytes(damage)
    assert store.find(RECIPE) is None
    assert store.install(MANIFEST, ENGINE) == store.find(RECIPE)


def test_engine_without_manifest_is_not_found(home: Path) -> None:
    entry = store.install(MANIFEST, ENGINE)
    (entry.folder / "manifest.json").unlink()
    assert store.find(RECIPE) is None
    assert store.entries() == []


@pytest.mark.parametrize("text", ["", "{}", "\0", '{"recipe": 1}'])
def test_unreadable_manifest_is_not_found(home: Path, text: str) -> None:
    entry = store.install(MANIFEST, ENGINE)
    (entry.folder / "manifest.json").write_text(text)
    assert store.find(RECIPE) is None
    assert store.entries() == []


def test_manifest_of_another_recipe_is_not_believed(home: Path) -> None:
    entry = store.install(MANIFEST, ENGINE)
    forged = replace(MANIFEST, recipe=replace(RECIPE, target="rtx-sm75"))
    (entry.folder / "manifest.json").write_text(forged.to_json())
    assert store.find(RECIPE) is None


def test_leftovers_of_a_killed_process_go(home: Path) -> None:
    entry = store.install(MANIFEST, ENGINE)
    (entry.folder / ".engine.plan.abc.partial").write_bytes(b"half")
    store.install(MANIFEST, ENGINE)
    assert sorted(path.name for path in entry.folder.iterdir()) == ["engine.plan", "manifest.json"]


def test_unwritable_store(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="can't be written"):
        store.install(MANIFEST, ENGINE)
    with pytest.raises(OutputError, match="can't be written"), store.locked(RECIPE):
        pass


def test_refused_folders_are_listed_with_the_reason(home: Path) -> None:
    whole = store.install(MANIFEST, ENGINE)
    cut_off = home / "engines" / "matte-toy-96x64-fp16-rtx-sm75-12345678"
    cut_off.mkdir()
    assert store.survey() == [
        store.Refused(cut_off, "has no manifest.json: its build was cut off"),
        whole,
    ]
    assert store.entries() == [whole]


@pytest.mark.parametrize("bit", range(8 * len(ENGINE)))
def test_one_flipped_bit_is_noticed(home: Path, bit: int) -> None:
    entry = store.install(MANIFEST, ENGINE)
    assert store.damage(entry) is None
    flipped = bytearray(ENGINE)
    flipped[bit // 8] ^= 1 << bit % 8
    entry.engine.write_bytes(flipped)
    assert store.damage(entry) == (
        "its engine.plan is damaged: it is not the file that its manifest describes"
    )
    assert store.find(RECIPE) is None


def test_finding_counts_as_use(home: Path) -> None:
    manifest = store.install(MANIFEST, ENGINE).folder / "manifest.json"
    os.utime(manifest, (0, 0))
    store.entries()
    assert manifest.stat().st_mtime == 0
    store.find(RECIPE)
    assert time.time() - manifest.stat().st_mtime < 60


@pytest.mark.parametrize("call", ["fsync", "write", "manifest"])
def test_full_disk(home: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    other = store.install(replace(MANIFEST, recipe=replace(RECIPE, target="rtx-sm75")), ENGINE)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full_at(path: Path) -> None:
        raise output_error(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    with monkeypatch.context() as patch:
        if call == "fsync":
            patch.setattr(os, "fsync", full)
        elif call == "write":
            patch.setattr(Path, "write_bytes", full)
        else:
            patch.setattr(store, "write_text", lambda path, text: full_at(path))
        with pytest.raises(OutputError, match=r"can't be written \(No space left on device\); free space"):
            store.install(MANIFEST, ENGINE)
    assert store.survey() == [other]
    assert [path.name for path in (home / "engines").iterdir()] == [other.folder.name]
    assert store.install(MANIFEST, ENGINE) == store.find(RECIPE)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit that the system enforces")
def test_a_disk_that_is_really_full(home: Path) -> None:
    """The system itself refuses the last bytes, in a process of its own."""
    code = """
import resource, signal
from tests.engines.records import MANIFEST
from trt_anime.engines import store
from trt_anime.errors import OutputError
from trt_anime.files import output_error
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    store.install(MANIFEST, bytes(2000))
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "engine.plan: can't be written (File too large)" in done.stdout, done.stderr
    assert list((home / "engines").iterdir()) == []


def test_lean_side_needs_no_heavy_package() -> None:
    code = """
import sys
import trt_anime.engines.store, trt_anime.engines.targets
import trt_anime.engines.preflight, trt_anime.engines.pruning
heavy = {"tensorrt", "tensorrt_rtx", "onnx", "onnxruntime", "torch", "numpy", "pydantic", "cuda"}
sys.exit(", ".join(heavy & set(sys.modules)) or 0)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
