"""An output folder of the whole chain, made once."""

from pathlib import Path

import pytest

from samples.scene import GroundTruth
from tests.runtime.delivery.folders import Making, make
from trt_anime.runtime.results.reader import Results


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, list[GroundTruth]]:
    """All stages, characters merged: read it only."""
    return make(tmp_path_factory.mktemp("run") / "out")


@pytest.fixture(scope="session")
def separate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, list[GroundTruth]]:
    """The same with a layer for each character."""
    return make(tmp_path_factory.mktemp("separate") / "out", Making(separate=True))


@pytest.fixture(scope="session")
def matte_only(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, list[GroundTruth]]:
    """Stage 2a alone: no ids, no plate, no effects, no text."""
    return make(tmp_path_factory.mktemp("matte") / "out", Making(stages=("2a",), audio=()))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a conversion goes; not there yet."""
    return tmp_path / "delivered"
