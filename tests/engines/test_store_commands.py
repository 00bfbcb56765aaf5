"""`engines check`, `verify` and `prune`: what they print, and their exit codes."""

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engines.calibrated import calibrated
from tests.engines.graphs import saved, stage_graph
from tests.engines.records import ENGINE, MANIFEST, RECIPE
from tests.engines.test_command import run
from tests.engines.test_machine import Device
from trt_anime.engines import store
from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
from trt_anime.engines.compiler import BUILD_FLAGS
from trt_anime.engines.machine import system_here
from trt_anime.engines.manifest import Profile
from trt_anime.engines.store import Entry
from trt_anime.engines.targets import Target

Capture = pytest.CaptureFixture[str]


def install(**changes: Any) -> Entry:
    recipe = replace(RECIPE, **({"system": system_here()} | changes))
    return store.install(replace(MANIFEST, recipe=recipe), ENGINE)


@pytest.fixture(autouse=True)
def no_gpu(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.core", None)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an RTX 4090 and TensorRT-RTX 1.7.1, whose runtime can't be asked."""
    devices = [Device("NVIDIA GeForce RTX 4090", (8, 9), 24 * 10**9)]
    core = SimpleNamespace(
        Device=SimpleNamespace(get_all_devices=lambda: devices),
        system=SimpleNamespace(get_kernel_mode_driver_version=lambda: (580, 65, 6)),
    )
    monkeypatch.setitem(sys.modules, "cuda.core", core)
    rtx = SimpleNamespace(__version__="1.7.1", ILogger=object, Runtime=lambda log: None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", rtx)
    monkeypatch.setitem(sys.modules, "tensorrt", None)


def test_check_on_a_machine_with_a_gpu(card: None, capsys: Capture) -> None:
    whole, old = install(), install(flavour_version="1.6")
    other = install(target="rtx-sm75")
    cold = install(precision="fp32")
    for entry in (whole, old, other):
        (entry.folder / store.kernels_file("NVIDIA GeForce RTX 4090")).write_bytes(b"kernels")
    assert run("check") == 3
    captured = capsys.readouterr()
    first, *lines = captured.out.splitlines()
    assert first == f"{system_here()}: NVIDIA GeForce RTX 4090 (sm89), driver 580.65.6"
    said = {name: words for name, words in (line.split(": ", 1) for line in lines)}
    assert said[whole.folder.name] == "usable"
    assert said[old.folder.name].startswith("rebuild: was built with TensorRT-RTX 1.6, and 1.7.1 is inst")
    assert "; build it with `trt-anime engines build toy --gpu sm89 " in said[old.folder.name]
    assert said[other.folder.name].startswith("rebuild: is for sm75, and here is NVIDIA GeForce RTX 4090")
    assert said[cold.folder.name] == (
        "usable but slower: has no kernels for NVIDIA GeForce RTX 4090 yet; its first run compiles them,"
        " and keeps them"
    )
    assert captured.err == "error: 1 of 4 engines must be built again, reasons above\n"


def test_check_counts_no_engine_for_another_gpu(card: None) -> None:
    install(target="rtx-sm75")
    install(system="win32-amd64")
    assert run("check") == 0
    assert run("check", "--size", "96x64") == 3  # none of them serves here
    install()
    assert run("check", "--size", "96x64", "--batch", 4) == 0
    assert run("check", "--size", "96x64", "--batch", 5) == 3
    assert run("check", "--size", "64x96") == 3


def test_check_without_a_gpu(capsys: Capture) -> None:
    entry = install()
    assert run("check") == run("check", "--size", "96x64") == 0
    assert f"{entry.folder.name}: for another machine: is for sm89, a GPU that is not here\n" in (
        capsys.readouterr().out
    )
    entry.engine.write_bytes(ENGINE[:-1])
    assert run("check") == 3
    assert "rebuild: its engine.plan is truncated" in capsys.readouterr().out


def test_check_as_json(card: None, capsys: Capture) -> None:
    entry = install()
    entry.engine.unlink()
    assert run("check", "--json") == 3
    table = json.loads(capsys.readouterr().out)
    assert table["machine"]["gpus"][0]["capability"] == 89
    assert table["machine"]["flavours"] == {"rtx": "1.7.1", "trt": None}
    (engine,) = table["engines"]
    assert (engine["folder"], engine["state"], engine["check"]) == (entry.folder.name, "rebuild", "file")


def test_check_of_nothing(capsys: Capture) -> None:
    assert run("check") == 0
    assert run("check", "--size", "96x64") == 3
    assert "no engine here serves this size and batch" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["1080", "0x10", "-1x5"])
def test_check_of_no_size(size: str, capsys: Capture) -> None:
    assert run("check", f"--size={size}") == 2
    assert "not a frame size" in capsys.readouterr().err


def test_verify(capsys: Capture) -> None:
    whole, damaged = install(), install(model="tiny")
    assert run("verify") == 0
    damaged.engine.write_bytes(bytes([ENGINE[0] ^ 1]) + ENGINE[1:])
    assert run("verify") == 1
    captured = capsys.readouterr()
    assert f"{whole.folder.name}: whole\n" in captured.out
    assert f"{damaged.folder.name}: its engine.plan is damaged: it is not the file" in captured.out
    assert captured.err.startswith("error: 1 of 2 engines are not what was built")
    assert run("verify", "toy") == run("verify", whole.folder.name) == 0
    assert run("verify", "toy", "tiny") == 1
    assert run("verify", "tony") == 2
    assert "tony: no engine of this model, or in a folder of this name; did you mean toy?" in (
        capsys.readouterr().err
    )


def test_verify_names_what_is_refused(capsys: Capture) -> None:
    entry = install()
    (entry.folder / "manifest.json").unlink()
    assert run("verify", entry.folder.name) == 1
    assert f"{entry.folder.name}: has no manifest.json: its build was cut off" in capsys.readouterr().out


@pytest.fixture
def built(home: Path) -> Entry:
    """A real engine, whose typed graph is where those are kept."""
    pytest.importorskip("tensorrt_rtx")
    (home / "graphs").mkdir(parents=True)
    graph = stage_graph_from_file(saved(stage_graph(), home / "graphs"))
    calibrated(graph.path, "fp16")
    profile = Profile(height=64, width=96, max_batch=4)
    entry = engine_from_graph(
        graph, Target("rtx", 89), precision="fp16", profile=profile, on_progress=lambda share: None
    ).entry
    if not entry.manifest.reproducible:
        pytest.skip("this system doesn't let a process have fixed addresses")
    return entry


def test_verify_by_rebuilding(built: Entry, home: Path, capsys: Capture) -> None:
    assert run("verify", "--rebuild") == 0
    assert capsys.readouterr().out == f"{built.folder.name}: whole, and built again with the same bytes\n"
    # A forged engine that its manifest agrees with.
    recipe = built.manifest.recipe
    forged = replace(MANIFEST, recipe=recipe, engine_sha256=MANIFEST.engine_sha256, size_bytes=len(ENGINE))
    store.install(forged, ENGINE)
    assert run("verify") == 0
    assert run("verify", "--rebuild") == 1
    assert "whole, but built again with other bytes" in capsys.readouterr().out
    shutil.rmtree(home / "typed")
    assert run("verify", "--rebuild") == 0
    assert "can't be compared with a new build: the graph that it was built from is not in" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reproducible": False}, "equal bytes were not promised"),
        ({"target": "trt-sm89"}, "equal bytes were not promised"),
        ({"flavour_version": "1.6"}, "it was built with TensorRT-RTX 1.6, and here is "),
        ({"system": "win32-amd64"}, "it was built with system win32-amd64, and here is "),
        ({"tools": {"onnx": "0.1"}}, "it was built with onnx 0.1, and here is "),
        ({"tools": {"onnx-gone": "0.1"}}, "it was built with onnx-gone 0.1, and here is none"),
        ({"tools": {"trt-anime": "0.0.0"}}, "it was built with trt-anime 0.0.0, and here is "),
        ({"build_flags": ("strongly_typed",)}, "it was built with other flags"),
    ],
)
def test_what_can_not_be_rebuilt(changes: dict[str, Any], words: str, capsys: Capture) -> None:
    rtx = pytest.importorskip("tensorrt_rtx")
    reproducible = changes.pop("reproducible", True)
    here: dict[str, Any] = {
        "system": system_here(),
        "flavour_version": rtx.__version__,
        "tools": {},
        "build_flags": BUILD_FLAGS,
    }
    recipe = replace(RECIPE, **(here | changes))
    store.install(replace(MANIFEST, recipe=recipe, reproducible=reproducible), ENGINE)
    assert run("verify", "--rebuild") == 0
    assert f"whole; can't be compared with a new build: {words}" in capsys.readouterr().out


def test_prune(home: Path, capsys: Capture) -> None:
    old, new = install(), install(model="tiny")
    os.utime(old.folder / "manifest.json", (0, 0))
    assert run("prune", "--older-than", "30d", "--dry-run") == 0
    out = capsys.readouterr().out
    assert f"{old.folder.name}: would be removed, 0.0 MB: was last used on 1970-01-01\n" in out
    assert "MB would be freed" in out and store.entries() == sorted([old, new], key=lambda e: e.folder)
    assert run("prune", "--older-than", "30d", "--keep-size", "1GB") == 0
    assert f"{old.folder.name}: removed, " in capsys.readouterr().out
    assert store.entries() == [new]
    assert run("prune", "--keep-size", "0MB") == 0
    assert store.entries() == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--older-than", "30"], "not an age"),
        (["--older-than", "30y"], "not an age"),
        (["--older-than", "-1d"], "not an age"),
        (["--older-than", "999999999999d"], "not an age"),
        (["--keep-size", "10"], "not a size"),
        (["--keep-size", "-1GB"], "not a size"),
        (["--keep-size", "1e3GB"], "not a size"),
    ],
)
def test_what_prune_refuses(words: list[str], message: str, capsys: Capture) -> None:
    install()
    assert run("prune", *words) == 2
    assert message in capsys.readouterr().err and len(store.entries()) == 1


@pytest.mark.parametrize(
    ("text", "hours", "size", "size_bytes"),
    [("12h", 12, "500MB", 5 * 10**8), ("2 w", 336, "1.5 gib", 3 * 2**29), ("30D", 720, "10GB", 10**10)],
)
def test_ages_and_sizes(text: str, hours: int, size: str, size_bytes: int) -> None:
    from trt_anime.cli.engines import prune

    assert prune._age(text).total_seconds() == hours * 3600
    assert prune._size_bytes(size) == size_bytes
