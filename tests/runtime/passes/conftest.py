"""A film whose truth stands in for every network, and runs of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from samples import oracle
from samples.film import FilmOptions, write_film
from samples.oracle import Oracle, no_files
from samples.scene import Scene, SceneOptions
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.choices import Choices
from trt_anime.runtime.passes.record import ChainRecord
from trt_anime.runtime.passes.run import process_chain
from trt_anime.runtime.passes.tools import Tools

FRAMES = 24
ALL = ("1", "2a", "2b", "2c", "3", "4")

CHOICES = replace(oracle.CHOICES, segmentation=replace(oracle.CHOICES.segmentation, key_every=4))


@dataclass(frozen=True)
class Film:
    """A clip, and the truth behind it."""

    clip: Path
    oracle: Oracle

    def run(
        self,
        output: Path,
        *stages: str,
        choices: Choices = CHOICES,
        tools: Tools | None = None,
        notify: Callable[[str], None] = lambda sentence: None,
        threads: int = 2,
        **options: Any,
    ) -> ChainRecord:
        """Process it with the truth as networks, or with other tools."""
        wanted = ProcessOptions(
            input=self.clip, output=output, stages=stages or ALL, preset="fast", threads=threads, **options
        )
        return process_chain(
            wanted, choices, files=no_files, tools=tools or self.oracle.tools(), notify=notify
        )


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    scene = Scene(SceneOptions(seed=3, width=160, height=90, frames=FRAMES))
    clip = tmp_path_factory.mktemp("film") / "film.mp4"
    write_film(scene, clip, FilmOptions(preset="veryfast", sound=False))
    return Film(clip, Oracle(scene))


@pytest.fixture(scope="session")
def whole(film: Film, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of all stages at once."""
    output = tmp_path_factory.mktemp("whole") / "out"
    film.run(output)
    return output


def pictures(output: Path, folder: str = "") -> dict[str, bytes]:
    """By path below the output folder, the bytes of all pictures of stages."""
    found = sorted((output / folder).rglob("frame_*.png"))
    found += sorted((output / folder).rglob("shot_*"))
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in found}
