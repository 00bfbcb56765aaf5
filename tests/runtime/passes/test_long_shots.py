"""Shots that are cut for their length alone, and films that are long."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from samples.film import FilmOptions, write_film
from samples.scene import Scene, SceneOptions
from tests.runtime.media import stage_graph
from tests.runtime.passes.conftest import Film, pictures
from trt_anime.runtime.passes import look
from trt_anime.runtime.results.reader import Results


def test_characters_keep_their_ids_where_a_long_shot_is_cut(
    film: Film, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "LONGEST", 4)
    film.run(tmp_path / "out", "1", "2a", "3")
    cut, at_once = Results.open(tmp_path / "out"), Results.open(whole)
    parts = [shot for shot in cut.shots if shot.continues]
    assert len(parts) >= 2
    assert len(cut.shots) - len(parts) == len(at_once.shots), "real cuts are the same"
    assert max(len(shot.fresh) for shot in cut.shots) <= 4
    for shot in parts:
        before = set(_present(cut, shot.start - 1))
        assert set(_present(cut, shot.start)) <= before | set(_new(cut, shot.number)), shot
    assert len(cut.tracks) <= len(at_once.tracks) + 1


def _present(results: Results, index: int) -> list[int]:
    ids = results.ids(index)
    assert ids is not None
    return sorted({*ids.ravel().tolist()} - {0})


def _new(results: Results, shot: int) -> list[int]:
    return [track.id for track in results.tracks if track.shots[0] == shot]


CHILD = """
import json, resource, sys
from pathlib import Path
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.networks import ModelFiles
from trt_anime.runtime.passes.run import process_chain
from trt_anime.runtime.passes.choices import NONE, PRESETS
from dataclasses import replace

clip, output, graph = map(Path, sys.argv[1:])
fast = PRESETS["fast"]
choices = replace(
    fast,
    segmentation=replace(fast.segmentation, method="matte", model=NONE),
    plates=replace(fast.plates, model=NONE),
)
options = ProcessOptions(
    input=clip, output=output, stages=("1", "2a", "2c", "3", "4"), preset="fast", threads=2, resume=True
)
process_chain(options, choices, files=lambda model: ModelFiles({"matte": graph}))
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def _child(clip: Path, output: Path, graph: Path) -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", CHILD, str(clip), str(output), str(graph)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _peak_kb(clip: Path, output: Path, graph: Path) -> int:
    child = _child(clip, output, graph)
    out, err = child.communicate()
    assert child.returncode == 0, err
    return int(json.loads(out.splitlines()[-1]))


def _film(folder: Path, frames: int) -> Path:
    scene = Scene(SceneOptions(seed=5, width=160, height=90, frames=frames))
    write_film(scene, folder / f"{frames}.mp4", FilmOptions(preset="veryfast", sound=False))
    return folder / f"{frames}.mp4"


@pytest.mark.stress
@pytest.mark.timeout(7200)
def test_ten_minutes_take_the_memory_of_ten_seconds_and_survive_kills(tmp_path: Path) -> None:
    graph = stage_graph(tmp_path / "luma.onnx")
    short = _peak_kb(_film(tmp_path, 240), tmp_path / "short", graph)
    clip = _film(tmp_path, 14_400)
    long = _peak_kb(clip, tmp_path / "long", graph)
    # The contact sheet grows to 24 rows, and each file of the output has a line in the journal.
    assert long <= 1.35 * short, f"{long / 1024:.0f} MB against {short / 1024:.0f} MB"
    choose = random.Random(1)
    for _ in range(6):
        child = _child(clip, tmp_path / "killed", graph)
        time.sleep(choose.uniform(5, 60))
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    _peak_kb(clip, tmp_path / "killed", graph)
    assert pictures(tmp_path / "killed") == pictures(tmp_path / "long")
    assert not (tmp_path / "killed" / "work").exists()
