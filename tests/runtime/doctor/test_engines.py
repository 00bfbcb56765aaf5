"""Engines in the store, judged by their manifests."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.records import ENGINE, MANIFEST, RECIPE
from tests.runtime.doctor.machines import CPU_ONLY, H200, with_gpu
from trt_anime.engines import store
from trt_anime.engines.machine import system_here
from trt_anime.runtime.doctor.engines import engine_states
from trt_anime.runtime.doctor.facts import Facts, Flavour

HERE = replace(RECIPE, system=system_here())
GPU = replace(with_gpu(), tensorrt_rtx=Flavour(version=RECIPE.flavour_version))


@pytest.mark.parametrize(
    ("facts", "changes", "state", "words"),
    [
        (GPU, {}, "slower", "kernels"),
        (CPU_ONLY, {}, "elsewhere", "a GPU that is not here"),
        (with_gpu(H200), {}, "elsewhere", "is for sm89"),
        (GPU, {"target": "trt-sm89"}, "rebuild", "with TensorRT 1.7.1, and 11.4 is"),
        (GPU, {"system": "windows-amd64"}, "elsewhere", "is for windows-amd64"),
        (GPU, {"flavour_version": "1.6"}, "rebuild", "1.6, and 1.7.1 is installed"),
        (replace(GPU, tensorrt_rtx=Flavour(installed=False)), {}, "rebuild", "which is not installed"),
    ],
)
def test_states(
    facts: Facts,
    changes: dict[str, str],
    state: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path))
    assert engine_states(facts) == ()
    entry = store.install(replace(MANIFEST, recipe=replace(HERE, **changes)), ENGINE)  # type: ignore[arg-type]
    (found,) = engine_states(facts)
    assert (found.name, found.state) == (entry.folder.name, state)
    assert words in found.reason


def test_what_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path))
    entry = store.install(MANIFEST, ENGINE)
    entry.engine.write_bytes(ENGINE[:-1])
    (found,) = engine_states(GPU)
    assert found.state == "rebuild" and found.reason
