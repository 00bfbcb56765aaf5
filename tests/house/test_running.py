"""The tests of a folder run in one process, or each process makes what they share."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import conftest

TESTS = Path(conftest.__file__).parent
# Writes down where it ran.
TEST = """
import os
from pathlib import Path

import pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number: int) -> None:
    with Path({said!r}).open("a") as file:
        print({folder!r}, os.environ["PYTEST_XDIST_WORKER"], file=file)
"""


def test_a_folder_has_one_process(tmp_path: Path) -> None:
    folders, said = ("cli", "cli/calibrate", "detect"), tmp_path / "said.txt"
    for folder in folders:
        path = tmp_path / "tests" / folder / "test_it.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEST.format(said=str(said), folder=folder))
    shutil.copy(TESTS / "conftest.py", tmp_path / "tests")
    options = ("--import-mode=importlib", "--rootdir", ".", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", *options, "tests"]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    subprocess.run(command, cwd=tmp_path, env=ours, check=True, capture_output=True)
    ran = [line.split() for line in said.read_text().splitlines()]
    assert len(ran) == 4 * len(folders)
    assert len({(folder, process) for folder, process in ran}) == len(folders)
    assert len({process for _, process in ran}) == 2
    assert {folder for folder, _ in ran[:2]} <= {"cli/calibrate", "detect"}  # of those named as long


@pytest.mark.parametrize("folder", [*conftest.FIRST, *conftest.WITH, *conftest.WITH.values()])
def test_folders_that_are_named_are_there(folder: str) -> None:
    assert list((TESTS / folder).glob("test_*.py"))
