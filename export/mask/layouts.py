"""Segment Anything's own weight files under the names that `transformers` has for the same tensors.

The authors published `.pth` and `.pt` files, the model hub has the same weights renamed. Both are read.
"""

import re
from collections.abc import Iterable

import torch
from torch import Tensor

Names = tuple[tuple[str, str], ...]

_HEAD = r"(iou_prediction_head|output_hypernetworks_mlps\.\d|pred_obj_score_head)"

# Heads of three linear layers, an upscaling and a downscaling by numbered layers: the same in both.
_SHARED: Names = (
    (_HEAD + r"\.layers\.0\.", r"\1.proj_in."),
    (_HEAD + r"\.layers\.2\.", r"\1.proj_out."),
    (_HEAD + r"\.layers\.1\.", r"\1.layers.0."),
    (r"output_upscaling\.0\.", "upscale_conv1."),
    (r"output_upscaling\.1\.", "upscale_layer_norm."),
    (r"output_upscaling\.3\.", "upscale_conv2."),
    (r"mask_downscaling\.0\.", "mask_embed.conv1."),
    (r"mask_downscaling\.1\.", "mask_embed.layer_norm1."),
    (r"mask_downscaling\.3\.", "mask_embed.conv2."),
    (r"mask_downscaling\.4\.", "mask_embed.layer_norm2."),
    (r"mask_downscaling\.6\.", "mask_embed.conv3."),
    (r"norm_final_attn", "layer_norm_final_attn"),
    (r"\.norm(\d)\.", r".layer_norm\1."),
    (r"patch_embed\.proj\.", "patch_embed.projection."),
    (r"^prompt_encoder\.pe_layer\.positional_encoding_gaussian_matrix$", "frequencies"),
    (r"point_embeddings\.", "point_embed."),
)

_SAM: Names = (
    (r"^image_encoder\.neck\.0\.", "vision_encoder.neck.conv1."),
    (r"^image_encoder\.neck\.1\.", "vision_encoder.neck.layer_norm1."),
    (r"^image_encoder\.neck\.2\.", "vision_encoder.neck.conv2."),
    (r"^image_encoder\.neck\.3\.", "vision_encoder.neck.layer_norm2."),
    (r"^image_encoder\.blocks\.", "vision_encoder.layers."),
    (r"^image_encoder\.", "vision_encoder."),
    *_SHARED,
)

_SAM2: Names = (
    (r"^sam_prompt_encoder\.", "prompt_encoder."),
    (r"^sam_mask_decoder\.", "mask_decoder."),
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"^image_encoder\.neck\.convs\.(\d)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"\.mlp\.layers\.0\.", ".mlp.proj_in."),
    (r"\.mlp\.layers\.1\.", ".mlp.proj_out."),
    (r"\.out_proj\.", ".o_proj."),
    *_SHARED,
)

# What only the video mode of SAM 2 has, in the authors' files and in the hub's.
_VIDEO = (
    *("memory_attention.", "memory_encoder.", "mask_downsample.", "obj_ptr_proj.", "obj_ptr_tpos_proj."),
    *("maskmem_tpos_enc", "no_mem_pos_enc", "no_obj_ptr", "no_obj_embed_spatial"),
    *("memory_temporal_positional_encoding", "no_memory_positional_encoding", "no_object_pointer"),
    *("object_pointer_proj.", "temporal_positional_encoding_projection_layer."),
    "occlusion_spatial_embedding_parameter",
)

_FREQUENCIES = (
    "shared_image_embedding.positional_embedding",
    "prompt_encoder.shared_embedding.positional_embedding",
)


def sam_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a SAM file, in either layout, under the names of `SamModel`."""
    if not _is_theirs(tensors):
        return tensors
    return _with_frequencies(_renamed(tensors, _SAM))


def sam2_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a SAM 2 file, in either layout, under the names of `Sam2Model`; no video mode."""
    still = {name: value for name, value in tensors.items() if not name.startswith(_VIDEO)}
    if not _is_theirs(still):
        return still
    named = _with_frequencies(_renamed(still, _SAM2))
    parts = [f"prompt_encoder.point_embed.{number}.weight" for number in range(4)]
    if all(part in named for part in parts):  # else the names say what is missing
        named["prompt_encoder.point_embed.weight"] = torch.cat([named.pop(part) for part in parts])
    return named


def _is_theirs(names: Iterable[str]) -> bool:
    return any(name.startswith("image_encoder.") for name in names)


def _renamed(tensors: dict[str, Tensor], names: Names) -> dict[str, Tensor]:
    result = {}
    for name, value in tensors.items():
        for pattern, replacement in names:
            name = re.sub(pattern, replacement, name)
        result[name] = value
    return result


def _with_frequencies(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The authors hold this table once, the library under two names."""
    if "frequencies" in tensors:
        table = tensors.pop("frequencies")
        tensors |= dict.fromkeys(_FREQUENCIES, table)
    return tensors
