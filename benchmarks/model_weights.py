"""Weights for every model of the catalogue: real ones where a package has them, else random ones.

Random ones are written in the layout of the published file and imported as a user would import it.
"""

import importlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trt_anime import paths
from trt_anime.export import checkpoints
from trt_anime.export.catalogue import Model

if TYPE_CHECKING:
    from torch import Tensor

# Their weights come out of package registries.
REAL = frozenset(("u2netp", "u2net", "modnet", "migan", "mobile-sam"))
# Stages whose networks are ours: the manifests of the parity tests say what is in the published files.
_OURS = frozenset(("matte", "inpaint", "temporal"))
_SEED = 0
# Of a matte's logits, whose deviation is 6: there is an edge in one tile of nine, and enough in front for a
# frame to count. With an edge in each tile, a part of them is refined, and which part the last bit decides.
_MATTE = -13.0


def bring_weights(row: Model) -> Path:
    """The weights file in the store. Raises what `checkpoints.pull` raises."""
    here = checkpoints.find(row)
    if here is not None:
        return here
    if row.name in REAL:
        return checkpoints.pull(row)
    paths.models().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=paths.models()) as folder:  # not where memory plays the disk
        return _import_random(row, Path(folder))


def _import_random(row: Model, folder: Path) -> Path:
    path = folder / row.files[0].filename  # which says how many files the published weights are
    if row.stage in _OURS:
        _save_from_manifest(row, path)
    else:
        synthetic = importlib.import_module(f"trt_anime.export.{row.stage}.synthetic")
        synthetic.synthetic_checkpoint(row, path, seed=_SEED)
    return checkpoints.import_file(row, path)


def _save_from_manifest(row: Model, path: Path) -> None:
    import torch

    from tests.parity.goldens import manifest

    weights = {
        name: torch.from_numpy(array) for name, array in manifest(row.architecture).weights().items()
    }
    if row.architecture == "isnet":
        _decide_matte(weights, row)
    torch.save(weights, path.with_suffix(".pth"))
    path.with_suffix(".pth").rename(path)


def _decide_matte(weights: "dict[str, Tensor]", row: Model) -> None:
    """On an example, IS-Net is as sure of what is in front as a trained one; changes `weights`."""
    import torch

    from trt_anime.export.matte.check import example_frames
    from trt_anime.export.matte.reference import network_input
    from trt_anime.export.networks import create
    from trt_anime.export.recipes.matte import Preprocess
    from trt_anime.export.untrained import decide

    network: Any = create(row.architecture)
    network.load_state_dict(weights)
    with torch.no_grad():
        frame = torch.from_numpy(example_frames()[:1]).permute(0, 3, 1, 2).float()
        logits = network.eval().logits(network_input(frame, row.recipe_as(Preprocess)))[0]
        decide([network.side1], logits, mean=_MATTE)
    weights |= {name: tensor for name, tensor in network.state_dict().items() if name.startswith("side1.")}
