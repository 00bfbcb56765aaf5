"""Runs that open networks as users' runs do, on a graph that takes no time."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.media import stage_graph
from tests.runtime.passes.conftest import CHOICES, Film, pictures
from trt_anime.errors import InputError
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.networks import ModelFiles
from trt_anime.runtime.passes.record import ChainRecord
from trt_anime.runtime.passes.run import process_chain
from trt_anime.runtime.process import process_clip
from trt_anime.runtime.results import places

STAGES = ("1", "2a", "2c", "3")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage_graph(tmp_path_factory.mktemp("graph") / "luma.onnx")


def options(film: Film, output: Path, *stages: str, **more: Any) -> ProcessOptions:
    return ProcessOptions(input=film.clip, output=output, stages=stages, preset="fast", threads=2, **more)


def run(film: Film, graph: Path, output: Path, *stages: str, **more: Any) -> ChainRecord:
    return process_chain(
        options(film, output, *(stages or STAGES), **more),
        CHOICES,
        files=lambda model: ModelFiles({"matte": graph}),
    )


def test_what_ran_is_in_the_record(film: Film, graph: Path, tmp_path: Path) -> None:
    record = run(film, graph, tmp_path / "out")
    matte = record.passes[0]
    assert matte.name == "matte" and matte.frames == record.frames
    (network,) = matte.networks
    assert network["origin"]["file"] == str(graph)
    assert network["origin"]["precision"] == "fp32"
    assert (network["stage"], network["runs"]) == ("2a", record.computed)
    assert network["run_s"] > 0 and matte.networks_s == pytest.approx(
        network["run_s"] / network["at_once"], abs=1e-3
    )
    assert record.device.startswith("cpu (")


def test_a_stage_alone_goes_on_from_a_run_of_all(film: Film, graph: Path, tmp_path: Path) -> None:
    """Although its own run opens fewer networks."""
    run(film, graph, tmp_path / "out")
    before = pictures(tmp_path / "out")
    record = run(film, graph, tmp_path / "out", "2c", resume=True)
    assert record.passes == [] and pictures(tmp_path / "out") == before


def test_another_network_of_the_matte_refuses_to_go_on(film: Film, graph: Path, tmp_path: Path) -> None:
    run(film, graph, tmp_path / "out", "2a", "2c")
    other = stage_graph(tmp_path / "other.onnx", side=90)
    before = pictures(tmp_path / "out")
    with pytest.raises(InputError, match="its matte pass was made otherwise"):
        run(film, other, tmp_path / "out", "1", "2a", "2c", resume=True)
    assert pictures(tmp_path / "out") == before


def test_a_character_layer_made_alone_serves_the_stages_after_it(
    film: Film, graph: Path, tmp_path: Path
) -> None:
    process_clip(options(film, tmp_path / "apart", "2a"), graph=lambda stage: graph)
    alone = pictures(tmp_path / "apart", places.CHARACTERS)
    run(film, graph, tmp_path / "apart", "1", "3", "2c")
    run(film, graph, tmp_path / "once")
    assert pictures(tmp_path / "apart", places.CHARACTERS) == alone, "nobody touches it"
    for folder in (places.SEGMENTS, places.TRACKS, places.PLATES):
        assert pictures(tmp_path / "apart", folder) == pictures(tmp_path / "once", folder), folder


def test_alone_and_in_the_chain_the_matte_is_the_same(film: Film, graph: Path, tmp_path: Path) -> None:
    process_clip(options(film, tmp_path / "alone", "2a"), graph=lambda stage: graph)
    process_chain(
        options(film, tmp_path / "chain", "2a", "4"),
        replace(CHOICES, effects=replace(CHOICES.effects, prompts=())),
        files=lambda model: ModelFiles({"matte": graph}),
    )
    chain, alone = (pictures(tmp_path / name, places.CHARACTERS) for name in ("chain", "alone"))
    assert chain == alone
