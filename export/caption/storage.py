"""All weights of a model in one file beside its graphs, which share it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from trt_anime.errors import CheckpointError, OutputError
from trt_anime.export.caption.weights import Checkpoint
from trt_anime.export.external import PAGE, named_in_file
from trt_anime.files import output_error, replacing

Array = NDArray[Any]

# What published files hold besides, of no use in inference: tables of 0, 1, 2... and second names.
_UNUSED = (".position_ids",)


@dataclass(frozen=True)
class _Entry:
    source: str
    shape: tuple[int, ...]
    transposed: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class WeightFile:
    """Which of a checkpoint's tensors go where in a file that isn't written yet.

    Matrices are kept as `matrices` says; vectors in float32: norms and sums want them so, and they are few.

    Args:
        name: of the file, as the graphs beside it will call it.
        matrices: float16 or float32.
    """

    def __init__(self, checkpoint: Checkpoint, name: str, *, matrices: np.dtype[Any]) -> None:
        self._checkpoint, self._name, self.matrices = checkpoint, name, matrices
        self._entries: dict[tuple[str, bool], _Entry] = {}
        self._twins: set[str] = set()
        self._end = 0

    @property
    def size_bytes(self) -> int:
        """Of the file, once written."""
        return self._end

    def shape(self, source: str) -> tuple[int, ...]:
        """Of a tensor in the checkpoint. Raises CheckpointError."""
        return self._checkpoint.shape(source)

    def error(self, complaint: str) -> CheckpointError:
        """The one sentence about the checkpoint."""
        return self._checkpoint.error(complaint)

    def tensor(self, source: str, shape: tuple[int, ...], *, transposed: bool = False) -> TensorProto:
        """The initializer that stands for a tensor of the checkpoint.

        Args:
            shape: in the checkpoint, where it is checked.
            transposed: keep a matrix the other way round.

        Raises:
            CheckpointError: there is no such tensor, or it has another shape.
        """
        found = self._checkpoint.shape(source)
        if found != shape:
            raise self._checkpoint.error(f"'{source}' has the shape {found}, expected {shape}")
        entry = self._entries.setdefault((source, transposed), self._entry(source, shape, transposed))
        self._end = max(self._end, entry.offset + entry.size_bytes)
        return self._proto(entry)

    def twin(self, source: str, of: str) -> None:
        """Say that a checkpoint may have the tensor `of` under a second name, too."""
        if source in self._checkpoint.names:
            if self._checkpoint.shape(source) != self._checkpoint.shape(of):
                raise self._checkpoint.error(f"'{source}' and '{of}' should be one tensor")
            self._twins.add(source)

    def check_all_used(self) -> None:
        """Raises CheckpointError: the checkpoint has a tensor that no graph asked for."""
        used = {source for source, _ in self._entries} | self._twins
        surplus = next(
            (n for n in self._checkpoint.names if n not in used and not n.endswith(_UNUSED)), None
        )
        if surplus is not None:
            shape = self._checkpoint.shape(surplus)
            raise self._checkpoint.error(f"'{surplus}' {shape} is unexpected")

    def write(self, folder: Path) -> Path:
        """Copy the tensors, one in memory at a time, into the file; whole or not at all.

        Raises CheckpointError (a tensor can't be read, or isn't a number) and OutputError.
        """
        path = folder / self._name
        with replacing(path) as temporary:
            try:
                with temporary.open("wb") as file:
                    for entry in self._entries.values():
                        file.seek(entry.offset)
                        file.write(self._bytes(entry))
            except OutputError:
                raise
            except OSError as error:
                raise output_error(path, error) from error
        return path

    def _entry(self, source: str, shape: tuple[int, ...], transposed: bool) -> _Entry:
        dtype = self.matrices if len(shape) > 1 else np.dtype(np.float32)
        kept = shape[::-1] if transposed else shape
        return _Entry(source, kept, transposed, dtype, -(-self._end // PAGE) * PAGE)

    def _bytes(self, entry: _Entry) -> memoryview:
        array = self._checkpoint.read(entry.source)
        if not np.isfinite(array).all():
            raise self._checkpoint.error(f"'{entry.source}' holds values that aren't numbers")
        with np.errstate(over="ignore"):
            kept = np.ascontiguousarray(array.T if entry.transposed else array, dtype=entry.dtype)
        if entry.dtype == np.float16 and array.dtype != np.float16 and not np.isfinite(kept).all():
            raise self._checkpoint.error(f"'{entry.source}' holds values beyond FP16; export it in FP32")
        return kept.data.cast("B")

    def _proto(self, entry: _Entry) -> TensorProto:
        return named_in_file(
            entry.source + (".T" if entry.transposed else ""),
            entry.shape,
            onnx.helper.np_dtype_to_tensor_dtype(entry.dtype),
            location=self._name,
            offset=entry.offset,
            length=entry.size_bytes,
        )
