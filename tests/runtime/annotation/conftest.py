"""The film of coloured figures, in a folder of its own for each test, and an empty home."""

from pathlib import Path

import pytest

from tests.runtime.annotation.films import Film, film, folder_with
from trt_anime.runtime.results.reader import Results


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def figures() -> Film:
    return film()


@pytest.fixture
def results(figures: Film, tmp_path: Path) -> Results:
    return folder_with(figures, tmp_path / "out")
