"""Published weights: their names, what the library makes of them, and what is said of wrong ones."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import Mask2FormerForUniversalSegmentation

from tests.segment.pieces import BACKBONE, CLASSES, SMALL_HEAD, network
from trt_anime.errors import CheckpointError, MissingError
from trt_anime.export.segment.checkpoint import load_weights, weights_of
from trt_anime.export.segment.network import Mask2Former, network_for
from trt_anime.export.segment.variants import config_of

# Names in facebook/mask2former-swin-tiny-coco-panoptic, as its first release of the library wrote them.
PUBLISHED = {
    "class_predictor.weight",
    "model.pixel_level_module.decoder.adapter_1.0.weight",
    "model.pixel_level_module.decoder.encoder.layers.0.fc1.weight",
    "model.pixel_level_module.decoder.encoder.layers.0.self_attn.sampling_offsets.weight",
    "model.pixel_level_module.decoder.level_embed",
    "model.pixel_level_module.encoder.embeddings.patch_embeddings.projection.weight",
    "model.pixel_level_module.encoder.encoder.layers.0.blocks.0.attention.output.dense.weight",
    "model.pixel_level_module.encoder.encoder.layers.0.blocks.0.attention.self.query.weight",
    "model.pixel_level_module.encoder.encoder.layers.0.blocks.0.attention.self.relative_position_bias_table",
    "model.pixel_level_module.encoder.encoder.layers.0.blocks.0.intermediate.dense.weight",
    "model.pixel_level_module.encoder.encoder.layers.0.blocks.0.output.dense.weight",
    "model.pixel_level_module.encoder.encoder.layers.0.downsample.reduction.weight",
    "model.pixel_level_module.encoder.hidden_states_norms.stage1.weight",
    "model.transformer_module.decoder.layers.0.cross_attn.in_proj_weight",
    "model.transformer_module.decoder.layers.0.self_attn.out_proj.weight",
    "model.transformer_module.decoder.mask_predictor.mask_embedder.0.0.weight",
    "model.transformer_module.queries_features.weight",
}
_ENCODER = "model.pixel_level_module.encoder."
_INDEX = _ENCODER + "encoder.layers.0.blocks.0.attention.self.relative_position_index"


def fresh() -> Mask2Former:
    torch.manual_seed(5)
    return network_for(config_of(BACKBONE, SMALL_HEAD, queries=30, classes=CLASSES))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The small network's weights as the hub would have them, with all that training left in the file."""
    tensors = {name: tensor.contiguous() for name, tensor in weights_of(network()).items()}
    tensors |= {"criterion.empty_weight": torch.ones(CLASSES + 1), _INDEX: torch.zeros(9, 9).long()}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return tmp_path / "model.safetensors"


def changed(published: Path, change: dict[str, Tensor | None]) -> Path:
    tensors = load_file(published)
    for name, tensor in change.items():
        tensors.pop(name, None)
        if tensor is not None:
            tensors[name] = tensor
    save_file(tensors, published.with_name("changed.safetensors"))
    return published.with_name("changed.safetensors")


def test_names() -> None:
    assert set(weights_of(network())) >= PUBLISHED


def test_loaded(published: Path) -> None:
    loaded, picture = fresh(), torch.randn(1, 3, 64, 128)
    load_weights(loaded, published)
    for one, other in zip(loaded(picture), network()(picture), strict=True):
        assert torch.equal(one, other)


def test_the_library_reads_the_same_file_the_same_way(published: Path) -> None:
    config = config_of(BACKBONE, SMALL_HEAD, queries=30, classes=CLASSES)
    (published.parent / "config.json").write_text(json.dumps(config.to_dict(), default=str))
    loading: Any = Mask2FormerForUniversalSegmentation.from_pretrained
    theirs, report = loading(published.parent, attn_implementation="eager", output_loading_info=True)
    unused = _ENCODER + "swin.layernorm."
    assert {name for name in report["missing_keys"] if not name.startswith(unused)} == set()
    assert not report["mismatched_keys"]
    picture = torch.randn(1, 3, 64, 128)
    with torch.no_grad():
        found = theirs.eval()(pixel_values=picture)
    classes, masks = network()(picture)
    torch.testing.assert_close(found.class_queries_logits, classes, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.masks_queries_logits, masks, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"class_predictor.bias": None}, "'class_predictor.bias' is missing"),
        ({"class_predictor.bias": torch.zeros(81)}, r"has the shape \(81,\), expected \(13,\)"),
        ({"vision_encoder.pos_embed": torch.zeros(3)}, "'vision_encoder.pos_embed' is unexpected"),
        ({"class_predictor.bias": torch.zeros(13).long()}, "is torch.int64, expected torch.float32"),
    ],
)
def test_other_weights(published: Path, change: dict[str, Tensor | None], said: str) -> None:
    file, loaded = changed(published, change), fresh()
    before = {name: tensor.clone() for name, tensor in weights_of(loaded).items()}
    with pytest.raises(
        CheckpointError, match=rf"changed\.safetensors .*{said}; import the file as the model"
    ):
        load_weights(loaded, file)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights_of(loaded).items())


def test_damaged(published: Path) -> None:
    published.write_bytes(published.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"not a readable weights file.*download it again"):
        load_weights(fresh(), published)


def test_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="does not exist"):
        load_weights(fresh(), tmp_path / "no.safetensors")


def test_pickles_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"read from the published model\.safetensors"):
        load_weights(fresh(), tmp_path / "pytorch_model.bin")
