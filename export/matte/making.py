"""From a checkpoint to the matte graph: what `graphs` calls for this stage."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.errors import CheckpointError
from trt_anime.export.catalogue import Model
from trt_anime.export.checkpoints import Record
from trt_anime.export.matte.options import RefineOptions
from trt_anime.export.recipes.matte import Preprocess

if TYPE_CHECKING:
    import onnx

    from trt_anime.export.check import Made


def settings(row: Model) -> dict[str, object]:
    """All that the graph depends on besides the checkpoint and this release."""
    return {"recipe": asdict(row.recipe_as(Preprocess)), "options": asdict(RefineOptions())}


def graphs_of(row: Model, checkpoint: Path, record: Record, *, compare: bool) -> "Iterator[Made]":
    """The one stage graph; see `graphs.Maker`."""
    from trt_anime.export.check import Made, check_nodes
    from trt_anime.export.matte.check import comparison_of
    from trt_anime.export.matte.compose import matte_graph

    network, twin = _network(row, checkpoint)
    compared = comparison_of(row, twin()) if compare else None
    graph = matte_graph(network, row, checkpoint_sha256=record.sha256, licence=record.licence)
    check_nodes(graph, row)
    yield Made(graph, compared)


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
    rule = row.recipe_as(Preprocess).size_rule
    height, width = (d.dim_value for d in network.graph.input[0].type.tensor_type.shape.dim[2:])
    allowed = {0} if rule.fit == "short_side" else {0, rule.side}  # 0: free
    if not {height, width} <= allowed:
        raise CheckpointError(
            f"{checkpoint}: is fixed to pictures of {height or 'any'}x{width or 'any'}, but {row.name} gets"
            f" them by the rule: {rule.describe()}; save it with that size, or a free one"
        )
