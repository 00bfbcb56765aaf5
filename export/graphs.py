"""Stage graphs on disk: made once per checkpoint and description, found again by content."""

import hashlib
import importlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from trt_anime import paths
from trt_anime.export import catalogue, checkpoints
from trt_anime.export.catalogue import Format, Model, Stage
from trt_anime.export.checkpoints import SILENT, Record, Report
from trt_anime.files import replacing, sha256_of

if TYPE_CHECKING:
    import onnx

    from trt_anime.export.check import Difference

# Raise it when the graph's bytes change without a change of its options.
REVISION = 5

# stage -> the module that makes its graphs, a `Maker`
MAKERS: dict[Stage, str] = {
    "matte": "trt_anime.export.matte.making",
    "inpaint": "trt_anime.export.inpaint.making",
}


class Maker(Protocol):
    """What a stage's module offers."""

    def settings(self, row: Model) -> dict[str, object]:
        """All that the graph depends on besides the checkpoint and this release, as JSON takes it."""

    def graph_of(
        self, row: Model, checkpoint: Path, record: Record, *, compare: bool
    ) -> "tuple[onnx.ModelProto, Difference | None]":
        """The stage graph, checked node by node, and how far it is from PyTorch if that is to be compared.

        Raises CheckpointError, ExportError, and MissingError where the checkpoint needs PyTorch.
        """


@dataclass(frozen=True)
class Exported:
    """A stage graph on disk.

    Attributes:
        path: the ONNX file.
        checkpoint: the weights it was made from.
        difference: from PyTorch; None where it wasn't compared.
    """

    path: Path
    checkpoint: Path
    difference: "Difference | None"


def ensure(model: str, *, report: Report = SILENT) -> Path:
    """The stage graph of a catalogue entry, fetched and composed on first use.

    Takes the catalogue's first door, which needs no PyTorch where an .onnx file is published.

    Raises InputError (no such model), DownloadError, CheckpointError, ExportError, OutputError.
    """
    row = catalogue.get(model)
    checkpoint = _checkpoint(row, None, report)
    path = _path(row, sha256_of(checkpoint))
    return path if path.is_file() else _export(row, checkpoint, path, compare=False).path


def existing(model: Model) -> Path | None:
    """The stage graph that `ensure` would give, if nothing is to be fetched or made for it.

    The weights aren't read: their hash is the one that they were stored with.
    """
    record = next(iter(checkpoints.stored(model).values()), None)
    path = _path(model, record.sha256) if record else None
    return path if path and path.is_file() else None


def export(model: str, *, door: Format | None = None, report: Report = SILENT) -> Exported:
    """Make the stage graph anew; check it node by node and, where PyTorch is installed, against it.

    Args:
        door: the published file to start from: ``onnx`` needs no PyTorch, ``pth`` does.

    Raises what `ensure` raises, and MissingError where a ``pth`` file meets no PyTorch.
    """
    row = catalogue.get(model)
    compare = importlib.util.find_spec("torch") is not None
    checkpoint = _checkpoint(row, door, report)
    return _export(row, checkpoint, _path(row, sha256_of(checkpoint)), compare=compare)


def _checkpoint(row: Model, door: Format | None, report: Report) -> Path:
    return checkpoints.find(row, door=door) or checkpoints.pull(row, door=door, report=report)


def _export(row: Model, checkpoint: Path, path: Path, *, compare: bool) -> Exported:
    import onnx

    record = checkpoints.stored(row)[checkpoint]
    graph, difference = _maker(row).graph_of(row, checkpoint, record, compare=compare)
    with replacing(path) as temporary:
        onnx.save(graph, temporary)
    return Exported(path, checkpoint, difference)


def _maker(row: Model) -> Maker:
    return cast(Maker, importlib.import_module(MAKERS[row.stage]))


def _path(row: Model, checkpoint_sha256: str) -> Path:
    fields = {"revision": REVISION, "checkpoint": checkpoint_sha256, **_maker(row).settings(row)}
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    return paths.graphs() / f"{row.stage}-{row.name}-{digest[:12]}.onnx"
