"""Engines in the store, judged by their manifests."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.records import ENGINE, MANIFEST, RECIPE
from tests.runtime.doctor.machines import CPU_ONLY, H200, with_gpu
from trt_anime.engines import store
from trt_anime.runtime.doctor.engines import engine_states
from trt_anime.runtime.doctor.facts import Facts, Flavour
from trt_anime.runtime.doctor.machine import system_name

HERE = replace(RECIPE, system=system_name())
GPU = replace(with_gpu(), tensorrt_rtx=Flavour(version=RECIPE.flavour_version))


@pytest.mark.parametrize(
    ("facts", "changes", "state", "words"),
    [
        (GPU, {}, "usable", ""),
        (CPU_ONLY, {}, "elsewhere", "no sm89 is here"),
        (with_gpu(H200), {}, "elsewhere", "no sm89 is here"),
        (GPU, {"target": "trt-sm89"}, "rebuild", "bound to release 1.7.1, and the one here is 11.4"),
        (GPU, {"system": "windows-amd64"}, "rebuild", "it was built on windows-amd64"),
        (GPU, {"flavour_version": "1.6"}, "rebuild", "bound to release 1.6, and the one here is 1.7.1"),
        (replace(GPU, tensorrt_rtx=Flavour(installed=False)), {}, "rebuild", "here is not installed"),
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
    assert words in found.reason and bool(words) == bool(found.reason)
