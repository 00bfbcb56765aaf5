"""Vectors of frames on the disk: an FP16 array of each model, and which frames its rows are of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError
from trt_anime.runtime.text.embeddings import Vectors


@dataclass(frozen=True)
class Embeddings:
    """Of one model.

    Attributes:
        name: ``clip`` or ``dino``.
        model: catalogue name of the network.
        checkpoint_sha256: hex, of its weights.
        path: the ``.npy`` file, float16 [N,D], rows of length 1.
        sha256: hex, of that file.
        dimensions: D.
        frames: of each row, the frame; ascending.
    """

    name: str
    model: str
    checkpoint_sha256: str
    path: Path
    sha256: str
    dimensions: int
    frames: tuple[int, ...]

    def vectors(self) -> NDArray[np.float16]:
        """float16 [N,D], mapped from the file. Raises InputError: it is damaged or gone."""
        try:
            array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise _damaged(self.path, str(error)) from error
        if array.shape != (len(self.frames), self.dimensions) or array.dtype != np.float16:
            raise _damaged(self.path, f"{array.dtype} {array.shape}")
        return cast(NDArray[np.float16], array)

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "checkpoint_sha256": self.checkpoint_sha256,
            "file": self.path.name,
            "sha256": self.sha256,
            "dimensions": self.dimensions,
            "frames": list(self.frames),
        }

    @classmethod
    def from_json(cls, name: str, table: Mapping[str, Any], folder: Path) -> "Embeddings":
        """Raises KeyError, TypeError, ValueError: it isn't what `to_json` gives."""
        return cls(
            name=name,
            model=str(table["model"]),
            checkpoint_sha256=str(table["checkpoint_sha256"]),
            path=folder / Path(table["file"]).name,
            sha256=str(table["sha256"]),
            dimensions=int(table["dimensions"]),
            frames=tuple(int(frame) for frame in table["frames"]),
        )


class VectorFile:
    """A ``.npy`` file, float16 [N,D], whose rows are appended: memory doesn't grow with their number."""

    def __init__(self, path: Path) -> None:
        """`path`: an empty file of the caller's. Raises OSError."""
        self._file: BinaryIO = path.open("r+b")
        self.rows, self.dimensions = 0, 0

    def append(self, vectors: Vectors) -> None:
        """float32 [n,D], always of one D. Raises OSError."""
        if not self.dimensions:
            self.dimensions = vectors.shape[1]
            self._write_header()
        if vectors.shape[1] != self.dimensions:
            raise ValueError(f"vectors of {vectors.shape[1]} after ones of {self.dimensions}")
        self._file.write(np.ascontiguousarray(vectors, "<f2").tobytes())
        self.rows += len(vectors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write how many rows there are, and close."""
        with self._file:
            if kind is None:
                self._write_header()

    def _write_header(self) -> None:
        """NumPy leaves room in it for the number of rows to grow, so that its length stays."""
        self._file.seek(0)
        header = {"descr": "<f2", "fortran_order": False, "shape": (self.rows, self.dimensions)}
        np.lib.format.write_array_header_1_0(self._file, header)


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"{path}: isn't the array that was written ({reason}); annotate the clip again")
