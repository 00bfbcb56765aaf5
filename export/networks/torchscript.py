"""The tensors of a TorchScript archive, read as data: its code is neither compiled nor run.

Such an archive is a zip file. `data.pkl` describes the module as objects in objects whose attributes are
numbers, lists and tensors; a tensor is a shape over the bytes of `data/<key>`. `torch.load` refuses these
archives, and `torch.jit.load` would compile what is in them.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_ROOT = "/data.pkl"
_SCRIPT_ONLY = "/constants.pkl"  # no other archive of torch has it

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_LISTS = ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist")


def is_torchscript(path: Path) -> bool:
    """Whether the file at `path` is such an archive; False for what can't be read, too."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(_SCRIPT_ONLY) for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Every tensor of the archive on the CPU, under the dotted path of its attribute, in the file's order.

    For a saved module that is its state_dict, and buffers that aren't in one.

    Raises what zipfile, pickle and torch raise at a damaged file, and UnpicklingError, with the words
    ``GLOBAL <name>``, where the file names anything but modules, tensors and lists of numbers.
    """
    with zipfile.ZipFile(path) as archive:
        (root,) = (name for name in archive.namelist() if name.endswith(_ROOT))
        with archive.open(root) as file:
            module = _Reader(file, archive, root.removesuffix(_ROOT)).load()
    if not isinstance(module, _Module):
        raise pickle.UnpicklingError("there is no module in it")
    return dict(_walked(module, ""))


class _Module:
    """Stands for an object of any class of the archive; unpickling fills its attributes."""


class _Reader(pickle.Unpickler):
    """Calls nothing but the few functions below, whatever the file asks for."""

    def __init__(self, file: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(file)
        self._archive, self._folder = archive, folder
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "__torch__":
            return _Module
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch.jit._pickle" and name in _LISTS:
            return list
        raise pickle.UnpicklingError(f"GLOBAL {module}.{name} is not taken from a file")

    def persistent_load(self, pid: Any) -> Tensor:
        """The values of a storage, one-dimensional; the device it was saved from doesn't matter."""
        _, dtype, key, *_ = pid
        if key not in self._storages:
            content = bytearray(self._archive.read(f"{self._folder}/data/{key}"))
            empty = torch.empty(0, dtype=dtype)
            self._storages[key] = torch.frombuffer(content, dtype=dtype) if content else empty
        return self._storages[key]


def _rebuilt(
    storage: Tensor, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> Tensor:
    return storage.as_strided(shape, stride, offset)  # refuses what lies outside of the storage


def _walked(value: object, name: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, _Module):
        for key, inner in vars(value).items():
            yield from _walked(inner, f"{name}.{key}" if name else key)


__all__ = ["is_torchscript", "tensors_of"]
