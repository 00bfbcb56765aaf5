"""A run that was broken off goes on, to the same bytes; two ways of one stage are not mixed."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.passes.conftest import CHOICES, Film, pictures
from trt_anime.errors import EngineError, InputError
from trt_anime.runtime.passes.context import Context
from trt_anime.runtime.passes.tools import Tools
from trt_anime.runtime.results import places
from trt_anime.runtime.results.places import frame_name


class BrokenError(EngineError):
    """A network failed."""


def breaking(tools: Tools, name: str, after: int) -> Tools:
    """Tools of which one fails at its `after`th call."""
    calls = 0

    def counted(work: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls > after:
                raise BrokenError(f"{name} broke at call {calls}")
            return work(*given, **named)

        return call

    @contextmanager
    def opened(context: Context) -> Iterator[object]:
        with getattr(tools, name)(context) as tool:
            if name == "finder":
                yield _Finder(counted(tool.heat))
            else:
                yield counted(tool)

    changed: dict[str, Any] = {name: opened}
    return replace(tools, **changed)


class _Finder:
    def __init__(self, heat: Callable[..., object]) -> None:
        self.heat = heat


@pytest.mark.parametrize(("name", "after"), [("segmenter", 2), ("finder", 9), ("fill", 1)])
def test_a_network_that_breaks_loses_its_shot_at_the_most(
    film: Film, whole: Path, tmp_path: Path, name: str, after: int
) -> None:
    output = tmp_path / "out"
    with pytest.raises(BrokenError):
        film.run(output, tools=breaking(film.oracle.tools(), name, after))
    record = film.run(output, resume=True)
    assert pictures(output) == pictures(whole)
    assert record.status == "done"


def test_what_is_done_is_not_done_again(film: Film, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(whole, output)
    tools = film.oracle.tools()
    for name in ("segmenter", "finder", "fill"):
        tools = breaking(tools, name, 0)
    record = film.run(output, resume=True, tools=tools)
    assert record.passes == []
    assert pictures(output) == pictures(whole)


def test_a_damaged_picture_is_made_again_and_said(film: Film, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(whole, output)
    hurt = output / places.TRACKS / frame_name(3)
    hurt.unlink()
    hurt.write_bytes(b"hurt")
    said: list[str] = []
    film.run(output, resume=True, notify=said.append)
    assert any("frame_000003.png" in sentence and "made again" in sentence for sentence in said)
    assert pictures(output, places.TRACKS) == pictures(whole, places.TRACKS)


def test_an_earlier_run_is_not_written_over(film: Film, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(whole, output)
    with pytest.raises(InputError, match="add --resume to go on with it or --overwrite"):
        film.run(output)
    assert pictures(output) == pictures(whole)


def test_another_choice_refuses_and_says_what_differs(film: Film, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(whole, output)
    choices = replace(CHOICES, plates=replace(CHOICES.plates, layout="shot"))
    with pytest.raises(
        InputError, match=r"its plate pass was made otherwise \(plates.layout: frame before, shot now\)"
    ):
        film.run(output, resume=True, choices=choices)
    assert pictures(output) == pictures(whole)


def test_overwriting_a_stage_makes_what_follows_from_it_again(film: Film, tmp_path: Path) -> None:
    output, stages = tmp_path / "out", ("1", "2a", "2c", "3")
    film.run(output, *stages)
    choices = replace(CHOICES, plates=replace(CHOICES.plates, layout="shot"))
    alone = film.run(output, "2c", overwrite=True, choices=choices)
    assert any("the last run's mattes are gone" in notice for notice in alone.notices)
    assert not list((output / places.PLATES).glob("frame_*.png"))
    assert (output / places.PLATES / "shot_0001.png").exists()
    assert not list((output / places.CHARACTERS).glob("*.png")), "they were made with the old plates"
    record = film.run(output, *stages, resume=True, choices=choices)
    assert [row.name for row in record.passes] == ["matte", "plate", "characters", "check"]
    assert not any("mattes are gone" in notice for notice in record.notices)
    assert list((output / places.CHARACTERS).glob("*.png"))
