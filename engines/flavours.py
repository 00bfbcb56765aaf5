"""TensorRT and TensorRT-RTX have nearly one API; this module picks the one that a target needs."""

import importlib
from dataclasses import dataclass
from typing import Any

from trt_anime.engines.targets import FlavourName, Target
from trt_anime.errors import MissingError


@dataclass(frozen=True)
class Flavour:
    """One of the two libraries.

    Attributes:
        title: as its makers write it.
        module: what to import.
        extra: the extra of this package that brings it.
    """

    title: str
    module: str
    extra: str


FLAVOURS: dict[FlavourName, Flavour] = {
    "rtx": Flavour(title="TensorRT-RTX", module="tensorrt_rtx", extra="rtx"),
    "trt": Flavour(title="TensorRT", module="tensorrt", extra="gpu"),
}


def load(name: FlavourName) -> Any:
    """The flavour's module. Raises MissingError if it isn't installed or its libraries don't load."""
    flavour = FLAVOURS[name]
    try:
        return importlib.import_module(flavour.module)
    except (ImportError, OSError) as error:
        raise MissingError(
            f"{flavour.title} can't be loaded ({error}); it needs pip install 'trt-anime[{flavour.extra}]'"
        ) from error


def version(name: FlavourName) -> str:
    """The flavour's version, such as ``1.7.1.116``. Raises MissingError."""
    return str(load(name).__version__)


def native_target() -> Target:
    """TensorRT on this machine's first GPU. Raises MissingError if there is none."""
    elsewhere = "to build for another machine, name its GPU type, such as --gpu rtx4090"
    try:
        device_class = importlib.import_module("cuda.core").Device
    except ImportError as error:
        raise MissingError(
            f"--gpu native needs an NVIDIA GPU and pip install 'trt-anime[gpu]' ({error}); {elsewhere}"
        ) from error
    try:
        major, minor = device_class(0).compute_capability
    except Exception as error:  # cuda.core raises a class of its own for each thing that can be absent
        raise MissingError(
            f"--gpu native needs an NVIDIA GPU, and none answers on this machine; {elsewhere}"
        ) from error
    return Target("trt", 10 * major + minor)


def require_buildable(target: Target) -> None:
    """TensorRT-RTX builds for GPUs that are elsewhere, TensorRT only for the one in the machine.

    Raises:
        MissingError: `target` needs TensorRT and a GPU of its type, and this machine hasn't both.
    """
    if target.flavour == "rtx":
        return
    rule = f"{target.name}: TensorRT-RTX has no target for this GPU, and TensorRT builds only on such a GPU"
    try:
        here = native_target()
    except MissingError as error:
        raise MissingError(f"{rule}; run `trt-anime engines build --gpu native` there") from error
    if here != target:
        raise MissingError(f"{rule}; this machine has an sm{here.compute_capability}")
