"""A published checkpoint as a list of tensors that are read one at a time, never all at once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from trt_anime.errors import CheckpointError, MissingError
from trt_anime.export.networks import require_torch

Array = NDArray[Any]

INDEX_SUFFIX = ".safetensors.index.json"
_TYPES: dict[str, np.dtype[Any]] = {"F16": np.dtype(np.float16), "F32": np.dtype(np.float32)}
_NAMES = {"torch.float16": "F16", "torch.float32": "F32", "torch.int64": "I64"}
_CURE = "choose the model that the file was made for, or download it again"


class Checkpoint:
    """Tensors of a `.safetensors` file, or of all the shards of which it is one.

    A `.safetensors.index.json` beside a file says which shards there are. A file of PyTorch (`.bin`) is
    taken, too; no code in it is run. A tensor takes memory while one has it.

    Attributes:
        path: the file that was opened.
        dtype: of the tensors, float16 where any is, else float32.
    """

    def __init__(self, path: Path, model: str) -> None:
        """Raises MissingError: a file isn't there. CheckpointError: it is damaged, or no such file.

        Args:
            model: whose weights they should be, for errors.
        """
        self.path, self._model = path, model
        self._files: dict[str, _Tensors] = {}  # tensor -> the open file that holds it
        for shard, names in self._shards().items():
            self._open(shard, names)
        types = {self._type(name) for name in self._files}
        self.dtype = np.dtype(np.float16 if np.dtype(np.float16) in types else np.float32)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._files)

    def shape(self, name: str) -> tuple[int, ...]:
        """Raises CheckpointError: there is no such tensor."""
        if name not in self._files:
            raise self.error(f"'{name}' is missing")
        return self._files[name].shape(name)

    def read(self, name: str) -> Array:
        """A copy, float16 or float32 as in the file."""
        self.shape(name)
        return self._files[name].read(name)

    def error(self, complaint: str) -> CheckpointError:
        """The one sentence about this checkpoint."""
        return CheckpointError(
            f"{self.path} doesn't hold the weights of {self._model}: {complaint}; {_CURE}"
        )

    def _shards(self) -> Mapping[Path, list[str] | None]:
        index = _index_of(self.path)
        if index is None:
            return {self.path: None}
        try:
            shards: dict[Path, list[str] | None] = {}
            for name, file in json.loads(index.read_bytes())["weight_map"].items():
                names = shards.setdefault(index.parent / Path(file).name, [])
                assert names is not None
                names.append(name)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{index}: not an index of shards; {_CURE}") from error
        if self.path != index and self.path not in shards:
            raise CheckpointError(f"{index}: says nothing of {self.path.name} beside it; {_CURE}")
        return shards

    def _open(self, path: Path, names: list[str] | None) -> None:
        if not path.is_file():
            raise MissingError(f"The weights file {path} does not exist; download it or correct the path")
        file = _Safetensors(path) if path.suffix == ".safetensors" else _Pickled(path)
        held = set(file.names)
        lost = next((name for name in names or () if name not in held), None)
        if lost is not None:
            raise CheckpointError(f"{path}: '{lost}' isn't in it, though the index says so; {_CURE}")
        self._files |= dict.fromkeys(names or file.names, file)

    def _type(self, name: str) -> np.dtype[Any]:
        kind = self._files[name].kind(name)
        found = _TYPES.get(kind)
        if found is not None:
            return found
        if kind.startswith("I"):  # position_ids and their like
            return np.dtype(np.int64)
        raise self.error(f"'{name}' is {kind}; convert the file to F16 or F32")


class _Tensors(Protocol):
    """An open file."""

    names: tuple[str, ...]

    def shape(self, name: str) -> tuple[int, ...]: ...
    def kind(self, name: str) -> str: ...
    def read(self, name: str) -> Array: ...


class _Safetensors:
    def __init__(self, path: Path) -> None:
        try:
            file: Any = safe_open(path, framework="numpy")
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path}: not a readable .safetensors file ({error}); {_CURE}") from error
        self._path, self.names = path, tuple(file.keys())
        slices = {name: file.get_slice(name) for name in self.names}
        self._shapes = {name: tuple(found.get_shape()) for name, found in slices.items()}
        self._kinds = {name: str(found.get_dtype()) for name, found in slices.items()}

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def kind(self, name: str) -> str:
        return self._kinds[name]

    def read(self, name: str) -> Array:
        opening: Any = safe_open(self._path, framework="numpy")
        with opening as file:  # anew: what was looked at would stay in memory while the file is mapped
            array: Array = file.get_tensor(name)
        return array


class _Pickled:
    def __init__(self, path: Path) -> None:
        require_torch()
        import torch

        try:
            self._tensors: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            self.names = tuple(self._tensors)
            self._kinds = {
                name: _NAMES.get(str(t.dtype), str(t.dtype)) for name, t in self._tensors.items()
            }
        except Exception as error:  # from zipfile, pickle, struct or torch, or no such dictionary
            raise CheckpointError(f"{path}: not a readable file of PyTorch weights; {_CURE}") from error

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._tensors[name].shape)

    def kind(self, name: str) -> str:
        return self._kinds[name]

    def read(self, name: str) -> Array:
        array: Array = self._tensors[name].numpy().copy()
        return array


def _index_of(path: Path) -> Path | None:
    """The index that `path` is, or that says what else belongs to it."""
    if path.name.endswith(INDEX_SUFFIX):
        return path
    if path.suffix != ".safetensors" or "-of-" not in path.stem:
        return None
    beside = path.with_name(path.name.partition("-")[0] + INDEX_SUFFIX)
    if not beside.is_file():
        raise MissingError(
            f"{beside} does not exist, which says what belongs to {path.name}; download it, too"
        )
    return beside
