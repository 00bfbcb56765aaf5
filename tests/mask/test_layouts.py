"""The authors' files and the model hub's hold the same weights under other names: both are read."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.mask.pieces import small, small_networks, small_row
from trt_anime.errors import CheckpointError
from trt_anime.export.mask import published

# The library's names -> the authors', written down apart from the table that is tested.
_THEIRS = (
    ("vision_encoder.backbone.", "image_encoder.trunk."),
    ("vision_encoder.", "image_encoder."),
    ("patch_embed.projection", "patch_embed.proj"),
    ("upscale_conv1", "output_upscaling.0"),
    ("upscale_layer_norm", "output_upscaling.1"),
    ("upscale_conv2", "output_upscaling.3"),
    ("mask_embed.conv1", "mask_downscaling.0"),
    ("mask_embed.layer_norm1", "mask_downscaling.1"),
    ("mask_embed.conv2", "mask_downscaling.3"),
    ("mask_embed.layer_norm2", "mask_downscaling.4"),
    ("mask_embed.conv3", "mask_downscaling.6"),
    ("layer_norm_final_attn", "norm_final_attn"),
    ("layer_norm", "norm"),
    ("point_embed.", "point_embeddings."),
)
_HEADS = r"(iou_prediction_head|output_hypernetworks_mlps\.\d|pred_obj_score_head)\."


def as_the_authors_name_it(name: str) -> str:
    name = re.sub(_HEADS + r"layers\.0", r"\1.layers.1", name)
    name = re.sub(_HEADS + "proj_in", r"\1.layers.0", name)
    name = re.sub(_HEADS + "proj_out", r"\1.layers.2", name)
    for library, theirs in _THEIRS:
        name = name.replace(library, theirs)
    return name


def sam_file(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Under the names of `sam_vit_b_01ec64.pth`."""
    neck = {"neck.conv1": "neck.0", "neck.norm1": "neck.1", "neck.conv2": "neck.2", "neck.norm2": "neck.3"}
    result = {}
    for name, value in state.items():
        new = as_the_authors_name_it(name).replace("image_encoder.layers.", "image_encoder.blocks.")
        for ours, theirs in neck.items():
            new = new.replace(f"image_encoder.{ours}", f"image_encoder.{theirs}")
        result[new] = value
    return _with_one_table(result)


def sam2_file(state: dict[str, Tensor]) -> dict[str, Any]:
    """Under the names of `sam2.1_hiera_tiny.pt`, with a little of the video mode."""
    result: dict[str, Tensor] = {}
    for name, value in state.items():
        new = as_the_authors_name_it(name).replace("o_proj", "out_proj")
        new = new.replace("mlp.proj_in", "mlp.layers.0").replace("mlp.proj_out", "mlp.layers.1")
        new = re.sub(r"neck\.convs\.(\d)\.", r"neck.convs.\1.conv.", new)
        result[new] = value
    result["no_mem_embed"] = result.pop("no_memory_embedding")
    for number, row in enumerate(result.pop("prompt_encoder.point_embeddings.weight")):
        result[f"prompt_encoder.point_embeddings.{number}.weight"] = row[None]
    result = _with_one_table(result)
    named = {
        re.sub("^(prompt_encoder|mask_decoder)", r"sam_\1", name): value for name, value in result.items()
    }
    video = ("memory_attention.norm.weight", "maskmem_tpos_enc", "obj_ptr_proj.layers.0.weight")
    video += ("no_mem_pos_enc", "mask_downsample.weight", "no_obj_ptr", "no_obj_embed_spatial")
    return {"model": named | {name: torch.zeros(1) for name in video}}


def _with_one_table(state: dict[str, Tensor]) -> dict[str, Tensor]:
    table = state.pop("shared_image_embedding.positional_embedding")
    state.pop("prompt_encoder.shared_embedding.positional_embedding")
    return state | {"prompt_encoder.pe_layer.positional_encoding_gaussian_matrix": table}


@pytest.mark.parametrize(("model", "theirs"), [("sam-vit-b", sam_file), ("sam2-tiny", sam2_file)])
def test_the_authors_file_gives_the_same_network(model: str, theirs: Any, tmp_path: Path) -> None:
    path = tmp_path / "theirs.pt"
    torch.save(theirs(load_file(small(model).path)), path)
    with small_networks():
        found = published.networks_from_checkpoint(small_row(model), path)
    for part in ("encoder", "decoder"):
        one, other = getattr(found, part).state_dict(), getattr(small(model).networks, part).state_dict()
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_hubs_video_file_gives_the_same_network(tmp_path: Path) -> None:
    state = load_file(small("sam2-tiny").path)
    state |= {
        name: torch.zeros(1) for name in ("memory_encoder.a", "object_pointer_proj.b", "no_object_pointer")
    }
    save_file(state, tmp_path / "video.safetensors")
    with small_networks():
        published.networks_from_checkpoint(small_row("sam2-tiny"), tmp_path / "video.safetensors")


@pytest.mark.parametrize("model", ["mobile-sam", "sam-vit-b", "sam2-tiny"])
@pytest.mark.parametrize("other", ["mobile-sam", "sam-vit-b", "sam2-tiny"])
def test_another_networks_file_is_refused(model: str, other: str) -> None:
    if model == other:
        return
    path = small(other).path
    with small_networks(), pytest.raises(CheckpointError) as raised:
        published.networks_from_checkpoint(small_row(model), path)
    sentence = str(raised.value)
    assert sentence.startswith(f"{path} does not hold the weights of ") and "\n" not in sentence
    assert sentence.endswith("choose the network that the file was made for, or download the file again.")


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    state = load_file(small("sam-vit-b").path)
    del state["mask_decoder.iou_token.weight"]
    save_file(state, tmp_path / "less.safetensors")
    with (
        small_networks(),
        pytest.raises(CheckpointError, match=r"'mask_decoder\.iou_token\.weight' .* is missing"),
    ):
        published.networks_from_checkpoint(small_row("sam-vit-b"), tmp_path / "less.safetensors")
