"""A film whose truth stands in for every network, with networks of known length beside it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from samples import oracle
from samples.film import FilmOptions, write_film
from samples.oracle import Oracle
from samples.scene import Scene, SceneOptions
from tests.runtime.pipeline.fakes import FakeSession, invert
from trt_anime.runtime.characters.found import Found, Frame, Matte
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes import networks
from trt_anime.runtime.passes.context import Context
from trt_anime.runtime.passes.networks import ModelFiles
from trt_anime.runtime.passes.segment import Segment
from trt_anime.runtime.passes.tools import Tools
from trt_anime.runtime.plates.filling import Fill, fill_simple
from trt_anime.runtime.profiling.chain.profiled import profile_chain
from trt_anime.runtime.profiling.profiled import Profile

FRAMES = 16
KEY_EVERY = 4
STAGES = ("1", "2a", "2b", "2c", "3")
SEGMENT_S, FILL_S = 0.005, 0.012

CHOICES = replace(oracle.CHOICES, segmentation=replace(oracle.CHOICES.segmentation, key_every=KEY_EVERY))

Profiled = Callable[..., Profile]


class Timed:
    """Tools that ask the truth, and run a network that takes as long as it is told for each answer."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def tools(self) -> Tools:
        return replace(self._oracle.tools(), segmenter=self._segmenter, fill=self._fill)

    @contextmanager
    def _segmenter(self, context: Context) -> Iterator[Segment]:
        with (
            context.networks.open("finds", "segment", stage="1") as graphs,
            self._oracle.tools().segmenter(context) as truth,
        ):

            def segment(index: int, frame: Frame, matte: Matte | None) -> Found:
                graphs["segment"]({"frame": frame[None]})
                return truth(index, frame, matte)

            yield segment

    @contextmanager
    def _fill(self, context: Context) -> Iterator[Fill]:
        with context.networks.open("paints", "inpaint", stage="2c") as graphs:

            def painted(rgb: Pixels, hole: Pixels) -> Pixels:
                graphs["inpaint"]({"frame": np.stack([rgb, rgb])})
                return fill_simple(rgb, hole)

            yield painted


@pytest.fixture(scope="session")
def scene_clip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Oracle, Path]:
    scene = Scene(SceneOptions(seed=3, width=160, height=90, frames=FRAMES))
    clip = tmp_path_factory.mktemp("film") / "film.mp4"
    write_film(scene, clip, FilmOptions(preset="veryfast", sound=False))
    return Oracle(scene), clip


@pytest.fixture(scope="module")
def profiled(
    scene_clip: tuple[Oracle, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Profiled]:
    """Profiles the film; `fill_s` and `segment_s` are how long the networks take."""
    oracle, clip = scene_clip
    takes: dict[str, float] = {}

    def opened(kind: str, device: Any, **given: Any) -> tuple[FakeSession, list[str]]:
        seconds = takes[kind]

        def compute(frame: Pixels) -> Pixels:
            time.sleep(seconds)
            return invert(frame=frame)

        return FakeSession(device, kind, compute=compute), []

    def profile(
        *stages: str, runs: int = 1, segment_s: float = SEGMENT_S, fill_s: float = FILL_S, **options: Any
    ) -> Profile:
        takes.update({"segment": segment_s, "inpaint": fill_s})
        output = tmp_path_factory.mktemp("profile") / "out"
        wanted = ProcessOptions(
            input=clip, output=output, stages=stages or STAGES, preset="fast", threads=2, **options
        )
        return profile_chain(wanted, CHOICES, files=_files, runs=runs, tools=Timed(oracle).tools())

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(networks, "open_graph", opened)
        yield profile


def _files(model: str) -> ModelFiles:
    return ModelFiles({kind: Path(f"{kind}.onnx") for kind in ("segment", "inpaint")})
