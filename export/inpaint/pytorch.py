"""The door through PyTorch: a checkpoint becomes a network, to write out and to check the graph against."""

from pathlib import Path

from trt_anime.errors import CheckpointError
from trt_anime.export.catalogue import Model
from trt_anime.export.networks import create
from trt_anime.export.networks.lama import Lama
from trt_anime.export.networks.loading import loaded


def network_from_checkpoint(model: Model, path: Path) -> Lama:
    """The catalogue row's network with the weights of `path`, in eval mode. Raises CheckpointError."""
    if model.architecture != "lama":
        raise CheckpointError(
            f"{path}: {model.name} is made from its .onnx file only; run"
            f" `trt-anime models pull {model.name}`"
        )
    network = loaded(lambda: create(model.architecture), path)
    assert isinstance(network, Lama)
    return network.eval()
