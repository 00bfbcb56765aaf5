"""Published weights into the network, strictly, and back."""

from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load_file

from trt_anime.errors import CheckpointError, MissingError
from trt_anime.export.networks.loading import adopt

if TYPE_CHECKING:
    from torch import Tensor

    from trt_anime.export.segment.network import Mask2Former

# The files were written by a release of the library that had other names in its backbone: (ours, theirs).
_BACKBONE = "model.pixel_level_module.encoder."
_RENAMED = (
    (_BACKBONE + "swin.", _BACKBONE),
    (".attention.q_proj.", ".attention.self.query."),
    (".attention.k_proj.", ".attention.self.key."),
    (".attention.v_proj.", ".attention.self.value."),
    (".attention.o_proj.", ".attention.output.dense."),
    (".attention.relative_position_bias.", ".attention.self."),
    (".mlp.fc1.", ".intermediate.dense."),
    (".mlp.fc2.", ".output.dense."),
)
# In some files and not in others: what training alone needs, and indexes that follow from the sizes.
_NEEDLESS = ("criterion.",)
_COMPUTED = ".relative_position_index"

REMEDY = "import the file as the model that it was published for, or download it again"


def published_name(name: str) -> str:
    """Of a tensor of the network: its name in the published files."""
    name = name.removeprefix("published.")
    if name.startswith(_BACKBONE):
        for ours, theirs in _RENAMED:
            name = name.replace(ours, theirs)
    return name


def weights_of(network: "Mask2Former") -> dict[str, "Tensor"]:
    """The network's weights by their published names."""
    named = {published_name(name): tensor for name, tensor in network.state_dict(keep_vars=True).items()}
    return {name: tensor for name, tensor in named.items() if not name.startswith(_NEEDLESS)}


def load_weights(network: "Mask2Former", path: Path) -> None:
    """Give `network` the weights in a published ``model.safetensors``: all fit, none is left over.

    Raises MissingError where there is no such file, CheckpointError where it holds something else; the
    network is left unchanged then.
    """
    found = {
        name: tensor
        for name, tensor in _read(path).items()
        if not name.startswith(_NEEDLESS) and not name.endswith(_COMPUTED)
    }
    own = weights_of(network)
    complaint = _first_difference(found, own)
    if complaint is not None:
        raise CheckpointError(
            f"{path} does not hold the weights of this Mask2Former: {complaint}; {REMEDY}."
        )
    adopt(own, found)


def _read(path: Path) -> dict[str, "Tensor"]:
    if not path.exists():
        raise MissingError(f"The weights file {path} does not exist; download it or correct the path.")
    if path.suffix.lower() != ".safetensors":
        raise CheckpointError(
            f"{path}: Mask2Former is read from the published model.safetensors; import that file instead."
        )
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a readable weights file, or is damaged or cut short; download it again."
        ) from error


def _first_difference(found: dict[str, "Tensor"], expected: dict[str, "Tensor"]) -> str | None:
    for name, tensor in expected.items():
        if name not in found:
            return f"'{name}' is missing"
        if found[name].shape != tensor.shape:
            have, want = (tuple(one.shape) for one in (found[name], tensor))
            return f"'{name}' has the shape {have}, expected {want}"
        if not found[name].is_floating_point():
            return f"'{name}' is {found[name].dtype}, expected {tensor.dtype}"
    surplus = next((name for name in found if name not in expected), None)
    return None if surplus is None else f"'{surplus}' is unexpected"
