"""Stage graphs on disk: made once per checkpoint and description, found again by content."""

import hashlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime import paths
from trt_anime.errors import CheckpointError
from trt_anime.export import catalogue, checkpoints
from trt_anime.export.catalogue import Format, Model
from trt_anime.export.checkpoints import SILENT, Report
from trt_anime.export.matte.options import RefineOptions
from trt_anime.files import replacing, sha256_of

if TYPE_CHECKING:
    import onnx

    from trt_anime.export.check import Difference

# Raise it when the graph's bytes change without a change of its options.
REVISION = 5


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

    from trt_anime.export.check import check_nodes
    from trt_anime.export.matte.check import compare_with_torch
    from trt_anime.export.matte.compose import matte_graph

    network, twin = _network(row, checkpoint)
    record = checkpoints.stored(row)[checkpoint]
    graph = matte_graph(network, row, checkpoint_sha256=record.sha256, licence=record.licence)
    check_nodes(graph, row)
    difference = compare_with_torch(graph, row, twin()) if compare else None
    with replacing(path) as temporary:
        onnx.save(graph, temporary)
    return Exported(path, checkpoint, difference)


def _network(row: Model, checkpoint: Path) -> "tuple[onnx.ModelProto, Callable[[], Callable[..., object]]]":
    """The network as ONNX, and a function that gives it as a torch callable."""
    if checkpoint.suffix == ".onnx":
        from trt_anime.export.check import torch_network_of
        from trt_anime.export.matte.official import network_from_onnx

        network = network_from_onnx(checkpoint)
        _check_size(network, row, checkpoint)
        return network, lambda: torch_network_of(network)

    from trt_anime.export.networks import require_torch

    require_torch()
    from trt_anime.export.matte.pytorch import network_from_checkpoint, onnx_from_network

    module = network_from_checkpoint(row, checkpoint)
    return onnx_from_network(module, row), lambda: module


def _check_size(network: "onnx.ModelProto", row: Model, checkpoint: Path) -> None:
    """A size that the network is fixed to must be the one that frames are brought to."""
    rule = row.preprocess.size_rule
    height, width = (d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim[2:])
    allowed = {0} if rule.fit == "short_side" else {0, rule.side}  # 0: free
    if not {height, width} <= allowed:
        raise CheckpointError(
            f"{checkpoint}: is fixed to pictures of {height or 'any'}x{width or 'any'}, but {row.name} gets"
            f" them by the rule: {rule.describe()}; save it with that size, or a free one"
        )


def _path(row: Model, checkpoint_sha256: str) -> Path:
    fields = {
        "revision": REVISION,
        "checkpoint": checkpoint_sha256,
        "preprocess": asdict(row.preprocess),
        "options": asdict(RefineOptions()),
    }
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    return paths.graphs() / f"{row.stage}-{row.name}-{digest[:12]}.onnx"
