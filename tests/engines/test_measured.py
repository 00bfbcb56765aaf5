"""What was measured about an engine is kept with it, and goes with it."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.engines.records import ENGINE, MANIFEST
from trt_anime.engines import store
from trt_anime.engines.manifest import manifest_from_json
from trt_anime.engines.pruning import prune, remove
from trt_anime.errors import MissingError, OutputError
from trt_anime.parity import Metric, Parity, TensorDifference

PARITY = Parity(
    reference="fp32 graph, onnxruntime 1.32.0 CPU",
    candidate="fp16 engine, tensorrt 11.4 on NVIDIA L4",
    frames=8,
    metrics=(Metric("alpha_sad", 0.2, 0.5, "%", "lower"),),
    tensors={"rgba": TensorDifference(2.0, 0.01, 1.0, (0.0, 1.0, 2.0), (9, 1))},
    worst_frame=3,
)
MEASURED = replace(
    MANIFEST, engine_parity=PARITY, seconds_per_frame=0.0032, measured_on="NVIDIA L4, driver 1"
)


def test_amended(home: Path) -> None:
    entry = store.install(MANIFEST, ENGINE)
    amended = store.amended(entry, MEASURED, b"picture")
    assert store.entries() == [amended]
    assert (amended.manifest, amended.picture.read_bytes()) == (MEASURED, b"picture")
    assert sorted(path.name for path in entry.folder.iterdir()) == [
        "engine.plan",
        "manifest.json",
        "worst.png",
    ]
    # It still is the engine of its recipe, so that it isn't built again.
    assert store.find(MANIFEST.recipe) == amended


def test_an_older_manifest_lacks_what_was_not_measured() -> None:
    text = MANIFEST.to_json()
    for name in ("engine_parity", "seconds_per_frame", "measured_on"):
        text = text.replace(f'  "{name}": null,\n', "")
        assert f'"{name}"' not in text
    assert manifest_from_json(text, source=Path("manifest.json")) == MANIFEST


def test_an_engine_built_anew_is_not_measured(home: Path) -> None:
    entry = store.install(MANIFEST, ENGINE)
    store.amended(entry, MEASURED, b"picture")
    store.install(MANIFEST, ENGINE)
    assert store.entries() == [entry] and not entry.picture.exists()


@pytest.mark.parametrize("meanwhile", ["removed", "built"])
def test_another_engine_is_not_amended(home: Path, meanwhile: str) -> None:
    entry = store.install(MANIFEST, ENGINE)
    remove(entry)
    if meanwhile == "built":
        store.install(replace(MANIFEST, engine_sha256="0" * 64), ENGINE)
    with pytest.raises(MissingError, match="was removed or built anew meanwhile; run it once more"):
        store.amended(entry, MEASURED, b"picture")
    assert not entry.picture.exists()


def test_a_full_disk_leaves_the_manifest(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = store.install(MANIFEST, ENGINE)

    def full(path: Path, text: str) -> None:
        raise OutputError(f"{path}: the disk is full")

    monkeypatch.setattr(store, "write_text", full)
    with pytest.raises(OutputError):
        store.amended(entry, MEASURED, b"picture")
    assert store.entries() == [entry]


def test_pictures_go_with_their_engine_and_with_time(home: Path) -> None:
    entry = store.amended(store.install(MANIFEST, ENGINE), MEASURED, b"picture")
    now = datetime.now(UTC)
    old = store.removed_pictures() / "old.png"
    old.parent.mkdir()
    for name, age_days in (("old.png", 31), ("new.png", 1), (".old.png.ab.partial", 2)):
        file = old.with_name(name)
        file.write_bytes(b"?")
        changed_s = (now - timedelta(days=age_days)).timestamp()
        os.utime(file, (changed_s, changed_s))
    assert [found.path.name for found in prune(now=now).removed] == [".old.png.ab.partial"]
    (gone,) = prune(older_than=timedelta(days=30), now=now).removed
    assert gone.path == old and gone.reason.startswith("was made on ")
    assert [path.name for path in old.parent.iterdir()] == ["new.png"]
    pruned = prune(most_bytes=0, now=now)
    assert [found.path for found in pruned.removed] == [entry.folder] and not entry.folder.exists()
