from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for checkpoints, graphs and engines; the folder itself isn't there yet."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TRT_ANIME_HOME", str(folder))
    return folder
