"""Published weight files into our networks, strictly."""

import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trt_anime.errors import CheckpointError, MissingError
from trt_anime.export.networks.torchscript import is_torchscript, tensors_of

PICKLE_SUFFIXES = (".pth", ".pt", ".ckpt")
SAFETENSORS_SUFFIX = ".safetensors"

# What published files put around a network's own names.
WRAPPERS = ("state_dict", "model")  # {"state_dict": {...}, "epoch": 3} is Lightning's
PREFIXES = ("module.", "net.")  # DataParallel; anime-segmentation
# LaMa's TorchScript wrapper and its training file: the network, among what else was trained or measured.
CHOSEN = ("model.generator.", "generator.")
TRAINING_ONLY = ("gt_encoder.",)  # anime-segmentation trains IS-Net with a second network in the same file
COUNTER = ".num_batches_tracked"  # not there in files older than PyTorch 0.4.1, and of no use in inference

_RANDOM = ("uniform_", "normal_", "kaiming_uniform_", "kaiming_normal_")  # all that torch.nn.init calls

Renaming = Callable[[dict[str, Tensor]], dict[str, Tensor]]

REMEDY = "choose the network that the file was made for, or download the file again"


def load_checkpoint(network: nn.Module, path: Path, *, renamed: Renaming | None = None) -> None:
    """Give `network` the weights in the file `path`, strictly: every tensor fits, none is left over.

    Reads `.pth`, `.pt`, `.ckpt` (tensors only, code in a pickle or a TorchScript archive is never run) and
    `.safetensors`, bare or in the layouts named at the top of this module. Batch-norm counters may be
    missing, and a tensor that the network holds under two names (MODNet's backbone) may be there once.
    Values are cast to the network's dtype and device; its training mode stays. Those that need no cast stay
    in the file where it can be mapped: they take memory once somebody looks at them. `renamed` may give the
    tensors of a file the network's names, where the authors published under others, and leave some out.

    Raises MissingError when there is no such file and CheckpointError when it does not hold exactly this
    network's weights. The network is left unchanged on error.
    """
    if not path.exists():
        raise MissingError(f"The weights file {path} does not exist; download it or correct the path.")
    found = _bare_names(_read(path), path)
    if renamed is not None:
        found = renamed(found)
    _fill(found, network, path)
    complaint = _first_difference(found, network.state_dict())
    if complaint is not None:
        raise CheckpointError(
            f"{path} does not hold the weights of {type(network).__name__}: {complaint}; {REMEDY}."
        )
    adopt(network.state_dict(keep_vars=True), found)


def loaded(make: Callable[[], nn.Module], path: Path) -> nn.Module:
    """The network that `make` makes, with the weights of `path`, as by `load_checkpoint`.

    The random weights that it would begin with are never there: they take time, and as much memory as the
    file's.
    """
    with _NoRandomValues():
        network = make()
    load_checkpoint(network, path)
    return network


class _NoRandomValues(TorchFunctionMode):
    """Meanwhile, tensors that are to be filled with random values keep what was in memory."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if getattr(func, "__name__", "") in _RANDOM:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


def adopt(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Make a file's tensors a network's, by its names; not copied where they have its dtype and device, so
    nobody may change them then: several may share their memory, and the file may be mapped.

    Args:
        own: `state_dict(keep_vars=True)`; what several modules have stays one tensor.
    """
    for name, tensor in own.items():
        tensor.data = found[name].detach().to(tensor)


def _read(path: Path) -> object:
    suffix = path.suffix.lower()
    if suffix not in (*PICKLE_SUFFIXES, SAFETENSORS_SUFFIX):
        known = ", ".join((*PICKLE_SUFFIXES, SAFETENSORS_SUFFIX))
        raise CheckpointError(
            f"{path} has the suffix '{suffix}', weights files have {known}; convert it first."
        )
    # A damaged file can raise nearly anything, from zipfile, pickle, struct or torch.
    try:
        if suffix == SAFETENSORS_SUFFIX:
            return load_file(path)
        if is_torchscript(path):
            return tensors_of(path)
        mapped = zipfile.is_zipfile(path)  # files from before PyTorch 1.6 aren't
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:
        raise CheckpointError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: Exception) -> str:
    code = re.search(r"GLOBAL (\S+)", str(error))
    if code is not None:
        return (
            f"{path} holds more than tensors ({code[1]}), which is not loaded as it could run code; save "
            f"its state_dict() as {SAFETENSORS_SUFFIX} where you trust the file."
        )
    return f"{path} is not a readable weights file, or is damaged or cut short; download it again."


def _bare_names(content: object, path: Path) -> dict[str, Tensor]:
    """The tensors of a file under the network's own names."""
    for key in 2 * WRAPPERS:  # one may lie in the other
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"{path} holds no named tensors; {REMEDY}.")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            kind = type(value).__name__
            raise CheckpointError(f"{path} holds a {kind} under '{name}' where tensors belong; {REMEDY}.")
    return _without_prefixes(content)


def _without_prefixes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    names = _chosen({name: name for name in tensors})  # in the file -> bare
    stripped = True
    while stripped:
        names = {name: bare for name, bare in names.items() if not bare.startswith(TRAINING_ONLY)}
        prefix = _common_prefix(names.values())
        names = {name: bare.removeprefix(prefix) for name, bare in names.items()}
        stripped = prefix != ""
    return {bare: tensors[name] for name, bare in names.items()}


def _chosen(names: dict[str, str]) -> dict[str, str]:
    """Without all that lies beside the network, where a prefix says which tensors are the network's."""
    for prefix in CHOSEN:
        if any(bare.startswith(prefix) for bare in names.values()):
            return {name: bare[len(prefix) :] for name, bare in names.items() if bare.startswith(prefix)}
    return names


def _common_prefix(names: Iterable[str]) -> str:
    names = list(names)
    return next((prefix for prefix in PREFIXES if names and all(n.startswith(prefix) for n in names)), "")


def _fill(found: dict[str, Tensor], network: nn.Module, path: Path) -> None:
    """Add to `found` what a file may leave out: the second name of a shared tensor, batch-norm counters."""
    for names in _shared_names(network):
        present = [name for name in names if name in found]
        for name in present[1:]:
            if not _same(found[name], found[present[0]]):
                raise CheckpointError(
                    f"{path} holds different values for '{present[0]}' and '{name}', which are one tensor "
                    f"in {type(network).__name__}; {REMEDY}."
                )
        for name in names if present else ():
            found.setdefault(name, found[present[0]])
    for name, tensor in network.state_dict().items():
        if name.endswith(COUNTER):
            found.setdefault(name, torch.zeros_like(tensor))


def _shared_names(network: nn.Module) -> list[list[str]]:
    """The names of each tensor that has several."""
    names: dict[int, list[str]] = {}
    tensors = chain(
        network.named_parameters(remove_duplicate=False), network.named_buffers(remove_duplicate=False)
    )
    for name, tensor in tensors:
        names.setdefault(id(tensor), []).append(name)
    return [group for group in names.values() if len(group) > 1]


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a, b)


def _first_difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str | None:
    """What is wrong with the first tensor that does not fit, in the network's order, or None."""
    for name, tensor in expected.items():
        if name not in found:
            return f"'{name}' {_shape(tensor)} is missing"
        if found[name].shape != tensor.shape:
            return f"'{name}' has the shape {_shape(found[name])}, expected {_shape(tensor)}"
        if found[name].is_floating_point() != tensor.is_floating_point():
            return f"'{name}' is {found[name].dtype}, expected {tensor.dtype}"
    surplus = next((name for name in found if name not in expected), None)
    return None if surplus is None else f"'{surplus}' {_shape(found[surplus])} is unexpected"


def _shape(tensor: Tensor) -> str:
    return "(" + ", ".join(map(str, tensor.shape)) + ")"


__all__ = ["adopt", "load_checkpoint", "loaded"]
