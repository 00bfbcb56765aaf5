import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from tests.engines.records import ENGINE, MANIFEST, RECIPE
from trt_anime.engines import manifest, store
from trt_anime.engines.manifest import Profile
from trt_anime.errors import OutputError

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


def test_lean_side_needs_no_heavy_package() -> None:
    code = """
import sys
import trt_anime.engines.store, trt_anime.engines.targets
heavy = {"tensorrt", "tensorrt_rtx", "onnx", "onnxruntime", "torch", "numpy", "pydantic", "cuda"}
sys.exit(", ".join(heavy & set(sys.modules)) or 0)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
