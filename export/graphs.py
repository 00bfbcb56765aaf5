"""Stage graphs on disk: made once per checkpoint and description, found again by content."""

import hashlib
import importlib
import importlib.util
import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from trt_anime import paths
from trt_anime.export import catalogue, checkpoints
from trt_anime.export.catalogue import Format, Model, Stage
from trt_anime.export.checkpoints import SILENT, Record, Report
from trt_anime.files import remove_unfinished, replacing, sha256_of, temporary_folder

if TYPE_CHECKING:
    from trt_anime.export.check import Difference, Made

# Raise it when the graph's bytes change without a change of its options.
REVISION = 7
_OF_LIBRARY = {"segment", "effects", "embed", "detect", "mask"}
_LONGEST_EXPORT_S = 86_400.0

# stage -> the module that makes its graphs, a `Maker`
MAKERS: dict[Stage, str] = {
    "matte": "trt_anime.export.matte.making",
    "inpaint": "trt_anime.export.inpaint.making",
    "segment": "trt_anime.export.segment.making",
    "effects": "trt_anime.export.effects.making",
    "embed": "trt_anime.export.embed.making",
    "detect": "trt_anime.export.detect.making",
    "mask": "trt_anime.export.mask.making",
    "temporal": "trt_anime.export.temporal.making",
    "caption": "trt_anime.export.caption.making",
}


class Maker(Protocol):
    """What a stage's module offers."""

    def settings(self, row: Model) -> dict[str, object]:
        """All that the graphs depend on besides the checkpoint and this release, as JSON takes it."""

    def graphs_of(self, row: Model, checkpoint: Path, record: Record, *, compare: bool) -> "Iterable[Made]":
        """The stage graphs, in the order of `Model.graphs`, with their comparisons if these are asked for.

        Nothing that is given may hold the network: its weights would be in memory beside the graphs' own.

        Raises CheckpointError, ExportError, and MissingError where the checkpoint needs PyTorch.
        """


@dataclass(frozen=True)
class Graph:
    """A stage graph on disk.

    Attributes:
        name: as in `Model.graphs`.
        path: the ONNX file.
        difference: from PyTorch; None where it wasn't compared: PyTorch isn't installed, or the graph
            computes with no weights of the checkpoint.
        weights: the file beside it that its weights lie in, which other graphs of the model may share; None
            where they are in the graph.
    """

    name: str
    path: Path
    difference: "Difference | None"
    weights: Path | None = None


@dataclass(frozen=True)
class Exported:
    """The stage graphs of a model, and the weights that they were made from."""

    checkpoint: Path
    graphs: tuple[Graph, ...]


def ensure(model: str, *, report: Report = SILENT) -> dict[str, Path]:
    """The stage graphs of a catalogue entry, by name; weights are fetched and graphs made on first use.

    Takes the catalogue's first door, which needs no PyTorch where an .onnx file is published.

    Raises InputError (no such model), DownloadError, CheckpointError, ExportError, OutputError.
    """
    row = catalogue.get(model)
    checkpoint = _checkpoint(row, None, report)
    found = _paths(row, sha256_of(checkpoint))
    if not _are_here(found):
        report.say(f"{model}: its stage graphs are made of the weights, once")
        _export(row, checkpoint, found, compare=False)
    return found


def existing(model: Model) -> dict[str, Path] | None:
    """The stage graphs that `ensure` would give, if nothing is to be fetched or made for them.

    The weights aren't read: their hash is the one that they were stored with.
    """
    record = next(iter(checkpoints.stored(model).values()), None)
    found = _paths(model, record.sha256) if record else {}
    return found if found and _are_here(found) else None


def export(model: str, *, door: Format | None = None, report: Report = SILENT) -> Exported:
    """Make the stage graphs anew; check them node by node and, where PyTorch is installed, against it.

    Args:
        door: the published file to start from: ``onnx`` needs no PyTorch, ``pth`` does.

    Raises what `ensure` raises, and MissingError where a ``pth`` file meets no PyTorch.
    """
    row = catalogue.get(model)
    compare = importlib.util.find_spec("torch") is not None
    checkpoint = _checkpoint(row, door, report)
    return _export(row, checkpoint, _paths(row, sha256_of(checkpoint)), compare=compare)


def _checkpoint(row: Model, door: Format | None, report: Report) -> Path:
    if found := checkpoints.find(row, door=door):
        return found
    if _is_of_library(row):  # said before gigabytes are fetched for nothing
        from trt_anime.export.networks import require_torch
        from trt_anime.export.networks.library import require_transformers

        require_torch()
        require_transformers()
    return checkpoints.pull(row, door=door, report=report)


def _is_of_library(row: Model) -> bool:
    """Whether its network is one of the `transformers` package, and nothing is made without that."""
    return row.stage in _OF_LIBRARY and row.architecture != "mobile_sam"


def _export(row: Model, checkpoint: Path, target: Mapping[str, Path], *, compare: bool) -> Exported:
    from trt_anime.export.check import let_go
    from trt_anime.export.external import weights_aside

    remove_unfinished(paths.graphs(), older_s=_LONGEST_EXPORT_S)
    record = checkpoints.stored(row)[checkpoint]
    weights: dict[Path, Path] = {}
    with ExitStack() as stack:  # all, or none
        stack.enter_context(weights_aside(stack.enter_context(temporary_folder(paths.graphs()))))
        made = _maker(row).graphs_of(row, checkpoint, record, compare=compare)
        by_name = dict(zip(target, made, strict=True))
        del made
        let_go()
        differences = _differences(by_name)
        graphs = []
        for name, path in target.items():
            place = _write(by_name[name], stack.enter_context(replacing(path)), path, row, weights)
            graphs.append(Graph(name, path, differences[name], place))
        for file, place in weights.items():
            file.replace(place)
    return Exported(checkpoint, tuple(graphs))


def _differences(made: "Mapping[str, Made]") -> "dict[str, Difference | None]":
    """Of each graph from PyTorch. Raises ExportError."""
    graphs = {name: one.graph for name, one in made.items()}
    return {name: one.comparison(graphs) if one.comparison else None for name, one in made.items()}


def _write(one: "Made", temporary: Path, path: Path, row: Model, weights: dict[Path, Path]) -> Path | None:
    """Returns the place of the weights that aren't in the graph itself.

    `weights`: of what graphs before have their weights in, the place beside the graphs; added to.
    """
    from trt_anime.export.external import set_location
    from trt_anime.export.writing import write_graph

    place = None
    if one.weights:
        digest, count = path.stem.rpartition("-")[2], f"-{len(weights)}" if weights else ""
        new = path.with_name(f"{row.stage}-{row.name}-{digest}{count}.weights")
        place = weights.setdefault(one.weights, new)
        set_location(one.graph, place.name)
    write_graph(one.graph, temporary)
    return place


def _maker(row: Model) -> Maker:
    return cast(Maker, importlib.import_module(MAKERS[row.stage]))


def _paths(row: Model, checkpoint_sha256: str) -> dict[str, Path]:
    fields = {"revision": REVISION, "checkpoint": checkpoint_sha256, **_maker(row).settings(row)}
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    return {name: paths.graphs() / f"{name}-{row.name}-{digest[:12]}.onnx" for name in row.graphs}


def _are_here(found: Mapping[str, Path]) -> bool:
    return all(path.is_file() for path in found.values())
