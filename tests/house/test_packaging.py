"""What is on disk is in the wheel, with and without the symlinks."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.house.layout import FOLDERS, ROOT, modules

BUILD = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"
IMPORT = """
import importlib, sys
wheel, *names = sys.argv[1:]
sys.path.insert(0, wheel)
for name in names:
    module = importlib.import_module(name)
    assert module.__file__.startswith(wheel), module.__file__
"""


def setuptools_table() -> dict[str, Any]:
    content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = content["tool"]["setuptools"]
    return table


def test_packages_are_listed() -> None:
    """An unlisted package vanishes from the wheel without a warning."""
    on_disk = {module.name: module.path.parent for module in modules() if module.is_package}
    table = setuptools_table()
    assert table["packages"] == sorted(on_disk)
    folders = {name: path.relative_to(ROOT).as_posix() for name, path in on_disk.items()}
    assert table["package-dir"] == folders


def test_each_folder_of_modules_is_a_package() -> None:
    lost = [module.path for module in modules() if not module.path.with_name("__init__.py").exists()]
    assert lost == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_links_are_relative(folder: str) -> None:
    link = ROOT / "trt_anime" / folder
    if not link.exists():
        pytest.skip("a checkout without symlinks")
    assert link.readlink() == Path("..") / folder
    assert link.resolve() == ROOT / folder


def test_wheel_without_links_is_whole(tmp_path: Path) -> None:
    wheel = _wheel(_copy_without_links(tmp_path / "checkout"))
    unpacked = tmp_path / "wheel"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*.py")}
    assert files == {_path_in_wheel(module.name, module.is_package) for module in modules()}
    names = setuptools_table()["packages"]
    subprocess.run([sys.executable, "-I", "-c", IMPORT, str(unpacked), *names], check=True, cwd=tmp_path)


def _copy_without_links(target: Path) -> Path:
    target.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target)
    for folder in ("trt_anime", *FOLDERS):
        shutil.copytree(ROOT / folder, target / folder, ignore=_links_and_caches)
    return target


def _links_and_caches(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__" or (Path(folder) / name).is_symlink()]


def _wheel(checkout: Path) -> Path:
    # Not in this process: setuptools changes the working directory and the log.
    done = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=checkout,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    return checkout / "dist" / done.stdout.splitlines()[-1]


def _path_in_wheel(name: str, is_package: bool) -> str:
    return name.replace(".", "/") + ("/__init__.py" if is_package else ".py")
