"""Captions come from stage 4 where it has something to say."""

from pathlib import Path

import pytest

from samples.scene import GroundTruth
from trt_anime.errors import InputError
from trt_anime.runtime.delivery.captions import Captions
from trt_anime.runtime.results import places
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.results.shots import write_shots

Run = tuple[Results, list[GroundTruth]]


def test_a_frame_takes_the_words_of_its_shot(run: Run) -> None:
    captions = Captions(run[0])
    assert captions.of(0, trigger="sylv") == "sylv, 1girl, shot 1, a girl, standing"
    assert captions.of(16, trigger="sylv") == "sylv, 1girl, shot 2, a girl, standing"


def test_without_stage_4_there_is_the_trigger(matte_only: Run) -> None:
    assert Captions(matte_only[0]).of(3, trigger="sylv") == "sylv"


def _with_lines(tmp_path: Path, run: Run, text: str) -> Captions:
    folder = tmp_path / "out"
    (folder / places.ANNOTATION).mkdir(parents=True)
    (folder / places.ANNOTATION / "frames.jsonl").write_text(text, encoding="utf-8")
    write_shots(folder, run[0].shots)
    return Captions(Results(folder, run[0].record))


def test_the_nearest_frame_speaks_and_never_another_shots(tmp_path: Path, run: Run) -> None:
    lines = '{"frame": 1, "tags": {"smile": 0.9}}\n{"frame": 7, "caption": "she\\nruns"}\n'
    captions = _with_lines(tmp_path, run, lines)
    assert [captions.of(k, trigger="t") for k in (0, 3, 6, 9)] == ["t, smile"] * 2 + ["t, she runs", "t"]


@pytest.mark.parametrize("text", ["{", "3\n", '{"tags": []}\n'])
def test_damage_is_named(tmp_path: Path, run: Run, text: str) -> None:
    with pytest.raises(InputError, match=r"frames\.jsonl: is damaged"):
        _with_lines(tmp_path, run, text)
