"""Imports point one way. The allowed arrows are the tables below; all else fails."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain

import pytest

from tests.house.layout import FOLDERS, ROOT, Module, modules

# Module or package -> the part of the program it belongs to. The longest name that fits decides.
PARTS = {
    "trt_anime": "base",  # errors, files, paths, stage and the version
    "trt_anime.__main__": "cli",
    "trt_anime.calibration": "calibration",
    "trt_anime.cli": "cli",
    "trt_anime.config": "config",
    "trt_anime.engines": "engines",  # the lean side, which a runtime needs
    "trt_anime.engines.batch": "builder",
    "trt_anime.engines.builder": "builder",
    "trt_anime.engines.compiler": "builder",
    "trt_anime.engines.rebuild": "builder",
    "trt_anime.engines.specialise": "builder",
    "trt_anime.engines.timing_cache": "builder",
    "trt_anime.engines.worker": "builder",
    "trt_anime.export": "export",
    "trt_anime.runtime": "runtime",
}

# Part -> the parts that it may see, itself always included.
ARROWS: dict[str, set[str]] = {
    "base": set(),
    "config": {"base"},
    "calibration": {"base"},
    "engines": {"base"},
    "builder": {"base", "engines", "calibration"},
    "export": {"base"},
    "runtime": {"base", "engines"},
    "cli": {"base", "config", "calibration", "engines", "builder", "export", "runtime"},
}

# Package from outside -> the parts that may import it.
GUESTS: dict[str, set[str]] = {
    "torch": {"export"},
    "transformers": {"export"},
    "safetensors": {"export"},
    "spox": {"export"},
    "httpx": {"export"},
    "huggingface_hub": {"export"},
    "modelopt": {"calibration"},
    "tensorrt": set(),  # loaded by `engines.flavours` alone, by name
    "tensorrt_rtx": set(),
    "av": {"runtime"},
    "cuda": {"runtime"},
    "openvino": {"runtime"},
    "OpenEXR": {"runtime"},
    "PyNvVideoCodec": {"runtime"},
    "scenedetect": {"runtime"},
    "psd_tools": {"runtime"},
    "pyarrow": {"runtime"},
    "pycocotools": {"runtime"},
    "scipy": {"calibration", "runtime"},
    "tokenizers": {"runtime"},
    "usearch": {"runtime"},
    "rich": {"cli"},
    "typer": {"cli"},
}

MODULES = {module.name: module for module in modules()}


def part_of(name: str) -> str:
    while name not in PARTS:
        name = name.rpartition(".")[0]
    return PARTS[name]


@pytest.mark.parametrize("name", MODULES)
def test_arrows(name: str) -> None:
    part = part_of(name)
    allowed = ARROWS[part] | {part}
    for target in _inner_imports(MODULES[name]):
        assert part_of(target) in allowed, f"{name} ({part}) imports {target} ({part_of(target)})"


@pytest.mark.parametrize("name", MODULES)
def test_guests(name: str) -> None:
    imported = {target.partition(".")[0] for target in MODULES[name].imports()}
    wrong = {guest for guest in imported & GUESTS.keys() if part_of(name) not in GUESTS[guest]}
    assert not wrong


@pytest.mark.parametrize("name", MODULES)
def test_imports_are_absolute(name: str) -> None:
    """Imported by a short or relative name, a module would exist twice."""
    starts = {target.partition(".")[0] for target in MODULES[name].imports()}
    assert not starts & {"", *FOLDERS}


def test_the_table_names_what_exists() -> None:
    assert PARTS.keys() <= MODULES.keys()
    assert set(PARTS.values()) == ARROWS.keys()


def test_no_module_is_named_like_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    wanted = {_normal(re.split(r"[^\w.-]", line)[0]) for line in lines}
    taken = {
        module
        for module, owners in packages_distributions().items()
        if wanted & {_normal(owner) for owner in owners}
    }
    taken |= {name.replace("-", "_") for name in wanted} | {"cv2", "tensorrt", "tensorrt_rtx", "cuda"}
    taken |= sys.stdlib_module_names
    assert not {name for name in MODULES if name.rpartition(".")[2] in taken - {"__main__"}}


def _inner_imports(module: Module) -> set[str]:
    """Modules of ours that it imports; `from module import name` counts as `module`."""
    found = set()
    for target in module.imports():
        if target.partition(".")[0] == "trt_anime":
            found.add(target if target in MODULES else target.rpartition(".")[0] or target)
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
