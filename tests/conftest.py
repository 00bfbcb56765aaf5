from pathlib import Path
from typing import Any

import pytest

# Folders that take long for their number of tests: first, so that nobody waits for them at the end.
FIRST = (
    "temporal",
    "segment",
    "temporal/xmem",
    "mask",
    "detect",
    "engines",
    "calibration",
    "cli/calibrate",
    "runtime/kills",
)
# Folders that share what another one makes.
WITH = {"lowerings": "segment"}


def group_of(nodeid: str) -> str:
    """The folder, in `tests`, of the tests that this one runs with."""
    folder = nodeid.partition("::")[0].rpartition("/")[0].removeprefix("tests/")
    return WITH.get(folder, folder)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of a folder's tests, all run in one process: exports and engines are made once for them.

    xdist's own groups are no help: its 3.8 has a worker write them into a test's name, where pytest 9.2
    doesn't look any more, and every test is a group then.
    """
    from xdist.scheduler import LoadScopeScheduling

    if config.getoption("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False  # or those of many tests come first, however short these are
    scheduler: Any = LoadScopeScheduling(config, log)
    scheduler._split_scope = group_of
    return scheduler


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In the order in which processes take folders up."""
    items.sort(key=lambda item: rank(group_of(item.nodeid)))


def rank(group: str) -> int:
    return FIRST.index(group) if group in FIRST else len(FIRST)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for checkpoints, graphs and engines; the folder itself isn't there yet."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TRT_ANIME_HOME", str(folder))
    return folder
