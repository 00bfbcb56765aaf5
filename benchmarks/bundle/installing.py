"""A bundle into a folder of packages that Python finds before its own; PyTorch stays the machine's."""

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.bundle.pieces import Manifest, check_pieces, join_pieces, read_manifest
from trt_anime.errors import EngineError, InputError
from trt_anime.files import write_text

WHEELS, HOME = "wheels", "home"
# Set for the process that runs from it.
FROM_BUNDLE = "TRT_ANIME_GPU_BUNDLE"

_DONE = "installed.json"
# CUDA's, and what they need.
_LIBRARIES = ("nvidia_cu", "nvidia_nvjitlink")


def installed(folder: Path, target: Path) -> Path:
    """Where a bundle's packages are: installed below `target` unless this very bundle is there already.

    Raises:
        InputError: pieces are missing or damaged, or it is for another Python.
        EngineError: pip failed.
        OutputError: the disk is full.
    """
    manifest = read_manifest(folder)
    require_python(manifest)
    if _mark(manifest) == _found(target):
        return target
    check_pieces(folder, manifest)
    shutil.rmtree(target, ignore_errors=True)
    join_pieces(folder, target)
    wheels = fitting(target / WHEELS)
    _install(wheels, target)
    shutil.rmtree(target / WHEELS)
    write_text(target / _DONE, json.dumps(_mark(manifest)) + "\n")
    return target


def require_python(manifest: Manifest) -> None:
    """Raises InputError: the bundle has wheels for other versions of Python only."""
    here, there = _version(), list(manifest.facts.get("pythons", ()))
    if here not in there:
        raise InputError(
            f"the bundle is for Python {' and '.join(there)}, and this is {here}; run `make gpu-check"
            f" PYTHON=python{there[-1] if there else ''}`, or make one with `make gpu-bundle"
            f" PYTHONS={here}`"
        )


def fitting(folder: Path) -> list[Path]:
    """The wheels for this Python, without those of CUDA's libraries that the machine has.

    Two copies of one library in a process, PyTorch's and ours, may each load half of the other's parts.
    """
    has = _distributions()
    return [
        wheel
        for wheel in sorted(folder.glob("*.whl"))
        if _fits(wheel.name) and not (wheel.name.startswith(_LIBRARIES) and _name(wheel.name) in has)
    ]


def environment(target: Path, before: Mapping[str, str]) -> dict[str, str]:
    """For a process that runs from what was installed below `target`."""
    packages = [str(target / "packages"), before.get("PYTHONPATH", "")]
    libraries = [*map(str, library_folders([target / "packages", *_site_packages()]))]
    libraries.append(before.get("LD_LIBRARY_PATH", ""))
    found = {
        **before,
        "PYTHONPATH": os.pathsep.join(filter(None, packages)),
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
        FROM_BUNDLE: str(target),
    }
    found.setdefault("TRT_ANIME_HOME", str(target / HOME))
    return found


def library_folders(packages: Iterable[Path]) -> list[Path]:
    """Where CUDA's libraries lie in folders of Python packages."""
    return [
        folder
        for place in packages
        for folder in sorted({file.parent for file in (place / "nvidia").glob("*/**/lib/*.so*")})
    ]


def _install(wheels: list[Path], target: Path) -> None:
    pip = next((wheel for wheel in wheels if wheel.name.startswith("pip-")), None)
    search = {"PYTHONPATH": str(pip)} if pip else {}  # pip runs from its own wheel
    words = ["--no-index", "--no-deps", "--no-compile", "--quiet", "--target", str(target / "packages")]
    command = [sys.executable, "-m", "pip", "install", *words, *map(str, wheels)]
    done = subprocess.run(
        command, env={**os.environ, **search}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = " ".join(done.stderr.split())[-400:]
        raise EngineError(f"{target}: the bundle's packages can't be installed: {last}")


def _fits(wheel: str) -> bool:
    """Whether a wheel is for this Python, by its name; all are for Linux on x86-64."""
    python, abi, _ = wheel.removesuffix(".whl").split("-")[-3:]
    if abi == "none":
        return True
    numbers = re.fullmatch(r"cp(\d)(\d+)", python.split(".")[0])
    if numbers is None:
        return False
    made_for = int(numbers[1]), int(numbers[2])
    return made_for <= sys.version_info[:2] if abi == "abi3" else made_for == sys.version_info[:2]


def _mark(manifest: Manifest) -> list[str]:
    """What tells one bundle from another."""
    return [_version(), *(piece.sha256 for piece in manifest.pieces)]


def _found(target: Path) -> list[str]:
    try:
        return list(json.loads((target / _DONE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return []


def _distributions() -> set[str]:
    return {_name(found.metadata["Name"]) for found in importlib.metadata.distributions()}


def _name(words: str) -> str:
    return re.sub(r"[-_.]+", "-", words.split("-")[0] if words.endswith(".whl") else words).lower()


def _site_packages() -> list[Path]:
    return [Path(path) for path in dict.fromkeys((sysconfig.get_path("purelib"), *sys.path)) if path]


def _version() -> str:
    return ".".join(map(str, sys.version_info[:2]))
