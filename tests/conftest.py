from pathlib import Path

import pytest

# Folders that take long for their number of tests: first, so that nobody waits for them at the end.
FIRST = (
    "temporal",
    "temporal/xmem",
    "segment",
    "mask",
    "detect",
    "engines",
    "calibration",
    "cli/calibrate",
    "runtime/kills",
)


@pytest.hookimpl(tryfirst=True)  # xdist's own hook reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a folder's tests, all run in one process: exports and engines are made once for them.

    A module that shares what another folder makes says so with a mark of its own.
    """
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(_folder(item)))
    items.sort(key=lambda item: FIRST.index(_folder(item)) if _folder(item) in FIRST else len(FIRST))


def _folder(item: pytest.Item) -> str:
    return item.path.parent.relative_to(Path(__file__).parent).as_posix()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for checkpoints, graphs and engines; the folder itself isn't there yet."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TRT_ANIME_HOME", str(folder))
    return folder
