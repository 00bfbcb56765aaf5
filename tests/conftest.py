from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a folder's tests, all run in one process: exports and engines are made once for them."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.parent.as_posix()))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for checkpoints, graphs and engines; the folder itself isn't there yet."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TRT_ANIME_HOME", str(folder))
    return folder
