"""The stage graphs that precision is measured on."""

import tempfile
from pathlib import Path

from tests.parity.goldens import manifest
from trt_anime.export import catalogue, checkpoints, graphs

# Model -> the manifest of its network, for those whose weights no package registry has.
SYNTHETIC = {"isnet-anime": "isnet"}


def stage_graph_of(model: str) -> Path:
    """The stage graph; of a model in `SYNTHETIC` with pseudo-random weights, if it has no others here."""
    row = catalogue.get(model)
    if model in SYNTHETIC and checkpoints.find(row) is None:
        _import_synthetic(row, SYNTHETIC[model])
    return graphs.ensure(model)["matte"]


def _import_synthetic(row: catalogue.Model, network: str) -> None:
    import torch

    weights = {name: torch.from_numpy(array) for name, array in manifest(network).weights().items()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{network}.pth"
        torch.save(weights, file)
        checkpoints.import_file(row, file)
