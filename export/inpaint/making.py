"""From a checkpoint to the inpaint graph: what `graphs` calls for this stage."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from trt_anime.export.catalogue import Model
from trt_anime.export.checkpoints import Record
from trt_anime.export.inpaint.options import HoleOptions
from trt_anime.export.recipes.inpaint import Inpainting

if TYPE_CHECKING:
    import onnx
    import torch

    from trt_anime.export.check import Made

    Network = Callable[[torch.Tensor], torch.Tensor]

# Networks whose published .onnx file can be read; all others come through PyTorch.
_FROM_ONNX = {"migan"}

# By architecture: raise it when the bytes of its graph change, and `graphs.REVISION` is to stay.
_REVISIONS = {"lama": 1}


def settings(row: Model) -> dict[str, object]:
    """All that the graph depends on besides the checkpoint and this release."""
    settings: dict[str, object] = {
        "recipe": asdict(row.recipe_as(Inpainting)),
        "options": asdict(HoleOptions()),
    }
    if row.architecture in _REVISIONS:
        settings["network"] = _REVISIONS[row.architecture]
    return settings


def graphs_of(row: Model, checkpoint: Path, record: Record, *, compare: bool) -> "Iterator[Made]":
    """The one stage graph; see `graphs.Maker`."""
    from trt_anime.export.check import Made, check_nodes
    from trt_anime.export.inpaint.check import comparison_of
    from trt_anime.export.inpaint.compose import inpaint_graph

    network, twin = _network(row, checkpoint)
    compared = comparison_of(row, twin()) if compare else None
    graph = inpaint_graph(network, row, checkpoint_sha256=record.sha256, licence=record.licence)
    check_nodes(graph, row)
    yield Made(graph, compared)


def _network(row: Model, checkpoint: Path) -> "tuple[onnx.ModelProto, Callable[[], Network]]":
    """The network as ONNX, and a function that gives it as a torch callable."""
    if checkpoint.suffix == ".onnx":
        from trt_anime.export.check import torch_network_of
        from trt_anime.export.inpaint.official import network_from_onnx
        from trt_anime.export.networks import refuse_onnx

        if row.architecture not in _FROM_ONNX:
            refuse_onnx(row, checkpoint)
        network = network_from_onnx(checkpoint, row)
        return network, lambda: torch_network_of(network)

    from trt_anime.export.networks import require_torch

    require_torch()
    from trt_anime.export.inpaint.lama import onnx_from_lama
    from trt_anime.export.inpaint.pytorch import network_from_checkpoint

    module = network_from_checkpoint(row, checkpoint)
    return onnx_from_lama(module), lambda: module
