"""Our own networks for published weights: the names and shapes of the official files, none of their code.

Importing this package imports no torch; only `create` and the modules beside this file do.
"""

import difflib
import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.errors import CheckpointError, InputError, MissingError

if TYPE_CHECKING:
    from torch import nn

    from trt_anime.export.catalogue import Model

# name -> (module in this package, function without arguments that makes the network)
NETWORKS: dict[str, tuple[str, str]] = {
    "u2net": ("u2net", "u2net"),
    "u2netp": ("u2net", "u2netp"),
    "isnet": ("isnet", "isnet"),
    "modnet": ("modnet", "modnet"),
    "lama": ("lama", "lama"),
    "mobile_sam": ("mobile_sam.network", "mobile_sam"),
    "xmem": ("xmem.network", "xmem"),
    "aot_t": ("aot.variants", "aot_t"),
    "aot_s": ("aot.variants", "aot_s"),
    "aot_b": ("aot.variants", "aot_b"),
    "aot_l": ("aot.variants", "aot_l"),
    "r50_aot_l": ("aot.variants", "r50_aot_l"),
    "deaot_t": ("aot.variants", "deaot_t"),
    "deaot_s": ("aot.variants", "deaot_s"),
    "deaot_b": ("aot.variants", "deaot_b"),
    "deaot_l": ("aot.variants", "deaot_l"),
    "r50_deaot_l": ("aot.variants", "r50_deaot_l"),
}


def create(name: str) -> "nn.Module":
    """Make the network called `name`, one of `NETWORKS`.

    The network has random weights, lies on the CPU in float32 and is in training mode, as every new torch
    module: call `trt_anime.export.networks.loading.load_checkpoint` and `.eval()` before using it.

    Raises InputError when there is no such network; the message names the nearest one.
    """
    if name not in NETWORKS:
        nearest = difflib.get_close_matches(name.lower(), NETWORKS, n=1, cutoff=0.0)[0]
        raise InputError(
            f"There is no network '{name}'; did you mean '{nearest}'? Known are {', '.join(NETWORKS)}."
        )
    module, function = NETWORKS[name]
    network: nn.Module = getattr(importlib.import_module(f"trt_anime.export.networks.{module}"), function)()
    return network


def require_torch() -> None:
    """Raises MissingError where PyTorch isn't installed."""
    if importlib.util.find_spec("torch") is None:
        raise MissingError("This needs PyTorch: pip install 'trt-anime[export]'")


def refuse_onnx(model: "Model", checkpoint: Path) -> None:
    """Raises CheckpointError for an .onnx file; for models that are made through PyTorch alone."""
    if checkpoint.suffix == ".onnx":
        raise CheckpointError(
            f"{checkpoint}: {model.name} isn't made from .onnx files; import a PyTorch checkpoint of it, "
            f"or run `trt-anime models pull {model.name}`"
        )


__all__ = ["NETWORKS", "create", "refuse_onnx", "require_torch"]
