"""Device null: the whole chain without a network, as fast as it was told, and never taken for a result."""

import json
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from tests.runtime.passes.conftest import ALL, CHOICES, FRAMES, Film
from trt_anime.errors import InputError
from trt_anime.runtime.passes.choices import PRESETS, Annotation, Choices, Segmentation, Tracking
from trt_anime.runtime.passes.graphs import Content, graphs_of
from trt_anime.runtime.passes.record import ChainRecord
from trt_anime.runtime.passes.sources import NETWORKS
from trt_anime.runtime.results import places
from trt_anime.runtime.results.places import frames_in
from trt_anime.runtime.results.reader import Results

PROMPTED = {
    name: replace(choices, effects=replace(choices.effects, prompts=CHOICES.effects.prompts))
    for name, choices in PRESETS.items()
}
ODD = replace(
    PROMPTED["quality"],
    segmentation=Segmentation(method="sam", model="sam-vit-b", key_every=4),
    tracking=Tracking(method="aot", model="deaot-t"),
    annotation=Annotation(captions="blip-base"),
)
SAM = replace(PROMPTED["fast"], tracking=Tracking(method="sam", model="mobile-sam"))
STAGES_S = {"1": 0.003, "2a": 0.002, "2b": 0.001, "2c": 0.01, "3": 0.002, "4": 0.004}


def latencies(path: Path, **seconds: float) -> Path:
    path.write_text(json.dumps({"schema": 1, "gpu": "a GPU", "seconds_per_run": seconds}))
    return path


def predict(film: Film, folder: Path, choices: Choices, *stages: str, **more: Any) -> ChainRecord:
    named: dict[str, Any] = {"latencies": latencies(folder / "l.json", **STAGES_S)} | more
    return film.run(folder / "out", *stages, choices=choices, tools=NETWORKS, device="null", **named)


@pytest.fixture(scope="module")
def predicted(film: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predicted")
    predict(film, folder, PROMPTED["balanced"])
    return folder / "out"


def test_all_folders_are_filled_and_the_record_says_that_it_is_a_prediction(predicted: Path) -> None:
    record = json.loads((predicted / "run.json").read_text())
    assert (record["status"], record["device"]) == ("done", "null (a GPU)")
    assert "is made up, and no result" in record["notices"][0]
    results = Results.open(predicted, made_up=True)
    assert {layer.name for layer in results.layers.folders} == {"background", "character", "effect_glow"}
    for layer in results.layers.folders:
        assert frames_in(predicted / layer.folder) == list(range(FRAMES))
    assert len(results.tracks) >= 2 and frames_in(predicted / places.TRACKS) == list(range(FRAMES))
    assert (predicted / places.ANNOTATION / "clip.npy").exists()


def test_networks_take_as_long_as_was_said(predicted: Path) -> None:
    record = json.loads((predicted / "run.json").read_text())
    rows = {(row["stage"], row["graph"]): row for one in record["passes"] for row in one["networks"]}
    fresh = sum(len(shot.fresh) for shot in Results.open(predicted, made_up=True).shots)
    assert rows["2a", "matte"]["runs"] == rows["2b", "effects"]["runs"] == fresh
    for (stage, graph), leading in {
        ("2a", "matte"): True,
        ("2b", "effects"): True,
        ("3", "read"): False,
    }.items():
        row = rows[stage, graph]
        seconds = STAGES_S[stage] if leading else 0.0
        assert row["run_s"] >= row["runs"] * seconds - 1e-3
    for one in record["passes"]:
        assert one["networks_s"] == pytest.approx(sum(row["run_s"] for row in one["networks"]), abs=2e-3)


# What a shot shows decides how often these run: frames that say no more than others aren't described.
AT_MOST = {"embed", "vision", "prefill", "step"}
# What stands in for networks with a memory doesn't know when they remember.
REMEMBER = {"encode", "value", "memorise"}


@pytest.mark.parametrize("choices", [PROMPTED["quality"], ODD, SAM], ids=["quality", "odd", "sam"])
def test_every_graph_of_the_choices_runs_as_often_as_is_said(
    film: Film, tmp_path: Path, choices: Choices
) -> None:
    record = predict(film, tmp_path, choices, limit=12)
    ran: Counter[tuple[str, str, str]] = Counter()
    for row in (row for one in record.passes for row in one.networks):
        ran[row["stage"], row["model"], row["graph"]] += row["runs"]
    said: Counter[tuple[str, str, str]] = Counter()
    for shot in Results.open(tmp_path / "out", made_up=True).shots:
        for use in graphs_of(choices, ALL, Content(frames=len(shot.fresh))):
            said[use.stage, use.model, use.graph] += int(use.runs)
    assert ran.keys() == said.keys()
    once = {(use.stage, use.model, use.graph) for use in graphs_of(choices, ALL) if use.once}
    assert [name for name, runs in ran.items() if not runs and name not in once] == []
    exact = {name for name in ran if name[2] not in AT_MOST | REMEMBER} - once
    assert {name: ran[name] for name in exact} == {name: said[name] for name in exact}
    assert [name for name in ran if name[2] in AT_MOST and ran[name] > said[name]] == []


def test_what_the_latencies_lack_is_all_named_before_anything_is_written(
    film: Film, tmp_path: Path
) -> None:
    known = {"1 mobile-sam image": 0.1, "2a": 0.1, "3": 0.1, "2c migan inpaint": 0.1}
    with pytest.raises(InputError) as caught:
        predict(film, tmp_path, PROMPTED["balanced"], latencies=latencies(tmp_path / "few.json", **known))
    sentence = str(caught.value)
    assert (
        "few.json: says nothing of 1 mobile-sam mask, 2b clipseg effects, 2c lama inpaint, 4 clip-b32"
        in sentence
    )
    assert not (tmp_path / "out").exists()


def test_stage_3_alone_needs_latencies_of_stage_1s_network_too(film: Film, tmp_path: Path) -> None:
    """It asks about key frames that stage 1 has left out; as nothing, they would be taken for free."""
    predict(film, tmp_path, SAM, "1", "2a", limit=6)
    few = latencies(tmp_path / "few.json", **{"3": 0.1, "3 mobile-sam mask": 0.1})
    with pytest.raises(InputError, match=r"says nothing of 1 mobile-sam image, 1 mobile-sam mask;"):
        predict(film, tmp_path, SAM, "3", latencies=few, limit=6)


def test_without_latencies_it_is_the_hosts_work_alone(film: Film, tmp_path: Path) -> None:
    record = predict(film, tmp_path, PROMPTED["fast"], "1", "2a", "3", latencies=None, limit=6)
    assert record.status == "done" and "networks take no time" in record.notices[0]
    assert record.device.startswith("null")


@pytest.mark.parametrize(
    "more", [{"resume": True}, {"overwrite": True}, {}], ids=["resume", "overwrite", "plain"]
)
@pytest.mark.parametrize("stages", [(), ("2c",)], ids=["all", "2c"])
def test_no_real_run_goes_on_from_what_was_made_up(
    film: Film, predicted: Path, more: dict[str, Any], stages: tuple[str, ...]
) -> None:
    before = (predicted / "run.json").read_bytes()
    with pytest.raises(InputError, match="what lies there is made up; run `trt-anime process` on another"):
        film.run(predicted, *stages, device="cpu", **more)
    assert (predicted / "run.json").read_bytes() == before


def test_nobody_reads_it_as_results(predicted: Path) -> None:
    with pytest.raises(InputError, match="by a run on device null, to predict its speed"):
        Results.open(predicted)


def test_a_prediction_is_not_written_over_results(film: Film, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds results, and --device null makes up what it writes"):
        film.run(whole, tools=NETWORKS, device="null", overwrite=True)


def test_a_prediction_that_was_killed_is_known_for_one(film: Film, tmp_path: Path) -> None:
    """Even where its record is lost."""
    predict(film, tmp_path, CHOICES, "1", "2a", limit=6)
    (tmp_path / "out" / "run.json").unlink()
    with pytest.raises(InputError, match="its look pass was made otherwise"):
        film.run(tmp_path / "out", "1", "2a", resume=True, limit=6)


def opened_by(choices: Choices) -> set[tuple[str, str, str]]:
    """What the real tools open: stage, model, graph; no graph where it is all of a model's."""
    opened: set[tuple[str, str, str]] = set()

    @contextmanager
    def note(model: str, *kinds: str, stage: str, **how: bool) -> Any:
        opened.update((stage, model, kind) for kind in kinds or ("",))
        yield MagicMock()

    context = MagicMock(choices=choices)
    context.networks.open = context.networks.sessions = note
    for tool in ("segmenter", "propagator", "finder", "fill", "annotator"):
        with suppress(Exception), getattr(NETWORKS, tool)(context):
            pass
    return opened


@pytest.mark.parametrize("name", [*PRESETS, "odd", "sam"])
def test_the_list_of_graphs_is_what_the_chain_opens(name: str) -> None:
    choices = {**PROMPTED, "odd": ODD, "sam": SAM}[name]
    listed = {(use.stage, use.model, use.graph) for use in graphs_of(choices, ALL) if use.stage != "2a"}
    opened = opened_by(choices)
    whole = {(stage, model) for stage, model, graph in opened if not graph}
    assert {(stage, model) for stage, model, _ in listed} == {(stage, model) for stage, model, _ in opened}
    assert {each for each in listed if each[:2] not in whole} == {each for each in opened if each[2]}
