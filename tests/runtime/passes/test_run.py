"""All stages at once, one after another, in pairs: the documented folders, and the same bytes."""

import json
import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samples.oracle import no_files
from tests.runtime.passes.conftest import ALL, CHOICES, FRAMES, Film, pictures
from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.choices import PRESETS
from trt_anime.runtime.passes.run import process_chain, require_models
from trt_anime.runtime.results import places
from trt_anime.runtime.results.places import frames_in
from trt_anime.runtime.results.reader import Results

BALANCED = replace(PRESETS["balanced"], effects=CHOICES.effects)  # which has something to look for


def test_all_stages_leave_what_the_documents_say(whole: Path) -> None:
    results = Results.open(whole)
    assert results.frames == FRAMES
    assert [layer.name for layer in results.layers.folders] == ["background", "character", "effect_glow"]
    for layer in results.layers.folders:
        assert frames_in(whole / layer.folder) == list(range(FRAMES)), layer.name
    assert frames_in(whole / places.TRACKS) == list(range(FRAMES))
    assert {shot.start for shot in results.shots} <= set(frames_in(whole / places.SEGMENTS))
    assert (whole / "contact_sheet.png").stat().st_size > 1000
    assert (whole / "preview.mp4").stat().st_size > 1000
    assert (whole / places.ANNOTATION).is_dir()
    assert not (whole / places.WORK).exists(), "what passes hand to each other goes at the end"


def test_the_record_says_what_ran_and_how_well_layers_recompose(whole: Path, film: Film) -> None:
    record = json.loads((whole / "run.json").read_text())
    assert record["status"] == "done"
    assert [row["name"] for row in record["passes"]] == [
        *("matte", "segment", "track", "find", "plate", "effects", "characters", "check", "annotate")
    ]
    compared = record["recomposition"]
    shots = Results.open(whole).shots
    assert compared["frames"] == sum(len(shot.fresh) for shot in shots)
    assert compared["median_db"] > 35
    assert record["without"].keys() == {"4"}, "its networks were not chosen"


def test_layers_lie_where_the_truth_is(whole: Path, film: Film) -> None:
    """Not only files: a character where the truth has one, and no other."""
    results = Results.open(whole)
    character = next(layer for layer in results.layers.folders if layer.name == "character")
    index = results.shots[-1].start
    alpha = film.oracle.truth(index).alpha * 255
    found = results.rgba(character, index)
    assert found is not None
    assert np.abs(found[..., 3].astype(float) - alpha).mean() < 2


@pytest.mark.parametrize(
    "runs",
    [
        (("2a",), ("1",), ("3",), ("2c",)),
        (("1", "2a"), ("2c", "3")),
        (("1", "2a", "3"), ("2c",)),
    ],
    ids=["each alone", "pairs", "three and one"],
)
def test_stages_from_the_disk_give_what_they_give_at_once(
    film: Film, tmp_path: Path, runs: tuple[tuple[str, ...], ...]
) -> None:
    for stages in runs:
        film.run(tmp_path / "apart", *stages)
    film.run(tmp_path / "once", "1", "2a", "2c", "3")
    for folder in (places.SEGMENTS, places.TRACKS, places.PLATES):
        assert pictures(tmp_path / "apart", folder) == pictures(tmp_path / "once", folder), folder


@pytest.mark.parametrize(
    "runs", [(("1", "2a"), ("3",), ("2b", "2c")), (("1",), ("2a", "3"), ("2c",), ("2b",))], ids=str
)
def test_in_whatever_order_stages_ran_all_of_them_again_give_what_they_give_at_once(
    film: Film, whole: Path, tmp_path: Path, runs: tuple[tuple[str, ...], ...]
) -> None:
    """Characters that were made before the effects have their light; to go on makes them again."""
    for stages in runs:
        film.run(tmp_path / "out", *stages)
    record = film.run(tmp_path / "out", resume=True)
    assert pictures(tmp_path / "out") == pictures(whole)
    assert not any("can't be read" in sentence for sentence in record.notices)  # heat goes with its run


@pytest.mark.stress
@pytest.mark.parametrize(
    "stages", [*((one,) for one in places.FOLDERS), *combinations(places.FOLDERS, 2)], ids="+".join
)
def test_every_stage_and_every_pair_made_anew_gives_what_all_gave(
    film: Film, whole: Path, tmp_path: Path, stages: tuple[str, ...]
) -> None:
    shutil.copytree(whole, tmp_path / "out")
    film.run(tmp_path / "out", *stages, overwrite=True)
    film.run(tmp_path / "out", resume=True)
    assert pictures(tmp_path / "out") == pictures(whole)


@pytest.mark.parametrize("stage", places.FOLDERS)
def test_a_stage_that_is_whole_is_not_made_again_of_what_is_left(
    film: Film, whole: Path, tmp_path: Path, stage: str
) -> None:
    """What passes hand to each other is gone once a run ends, and not missed."""
    shutil.copytree(whole, tmp_path / "out")
    film.run(tmp_path / "out", stage, resume=True)
    assert pictures(tmp_path / "out") == pictures(whole)


def test_a_character_each_has_a_layer_of_its_own(film: Film, tmp_path: Path) -> None:
    choices = replace(CHOICES, characters=replace(CHOICES.characters, layout="separate"))
    film.run(tmp_path / "out", "1", "2a", "2c", "3", choices=choices)
    results = Results.open(tmp_path / "out")
    names = [layer.name for layer in results.layers.folders if layer.character]
    assert len(names) >= 2
    assert {layer.character for layer in results.layers.folders if layer.character} == {
        track.id for track in results.tracks
    }
    pair = next(shot for shot in results.shots if len(results.layers.orders[shot.number]) == 2)
    lying = [layer.character for layer in results.layers.in_shot(pair.number) if layer.character]
    assert [one for one in lying if one in results.layers.orders[pair.number]] == list(
        results.layers.orders[pair.number]
    )


NEEDS = {
    "3": "stage 3 reads from stage 1",
    "2c": "stage 2c reads from stage 2a or 3",
}


@pytest.mark.parametrize("stage", NEEDS)
def test_a_stage_without_what_it_reads_says_so_and_writes_nothing(
    film: Film, tmp_path: Path, stage: str
) -> None:
    with pytest.raises(InputError, match=NEEDS[stage]):
        film.run(tmp_path / "out", stage)
    assert not (tmp_path / "out").exists()


def test_networks_that_are_missing_are_all_named_at_once_and_nothing_is_written(
    film: Film, tmp_path: Path
) -> None:
    def files(model: str) -> None:
        raise MissingError(f"{model} can't be reached")

    options = ProcessOptions(input=film.clip, output=tmp_path / "out", stages=ALL, preset="balanced")
    with pytest.raises(MissingError) as caught:
        process_chain(options, BALANCED, files=files)  # type: ignore[arg-type]
    sentence = str(caught.value)
    for model in ("mobile-sam", "u2netp", "clipseg", "lama", "xmem", "clip-b32", "dinov2-s"):
        assert model in sentence
    assert "stage 3 wants xmem" in sentence
    assert "trt-anime models pull" in sentence
    assert not (tmp_path / "out").exists()


def test_no_graph_is_made_where_the_weights_of_another_are_missing(film: Film, tmp_path: Path) -> None:
    """To make XMem's takes minutes, after which the run would say that LaMa is missing."""

    def weights(model: str) -> None:
        if model == "lama":
            raise MissingError(f"{model} can't be reached")

    options = ProcessOptions(input=film.clip, output=tmp_path / "out", stages=ALL, preset="balanced")
    with pytest.raises(MissingError, match="stage 2c wants lama"):
        process_chain(options, BALANCED, files=no_files, weights=weights)
    assert not (tmp_path / "out").exists()


def test_only_networks_of_the_stages_that_run_are_needed() -> None:
    asked: list[str] = []
    require_models(PRESETS["balanced"], ("2a", "2c"), asked.append)
    assert sorted(asked) == ["lama", "u2netp"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "gpu"}, "--device gpu: no such device"),
        ({"format": "png16"}, "of several stages layers come as png, ffv1"),
    ],
)
def test_options_that_no_chain_can_have(
    film: Film, tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        film.run(tmp_path / "out", "2a", "2c", **options)
    assert not (tmp_path / "out").exists()
