"""Checkpoints in the published layouts are read strictly, and errors say what is wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch

from tests.caption.small import RECIPES, checkpoint, graphs_in, row
from trt_anime.errors import CheckpointError, InputError, MissingError
from trt_anime.export.caption.weights import Array, Checkpoint

BLIP, BLIP2 = "blip-base", "blip2-opt-2.7b"
_ONE = "vision_model.post_layernorm.weight"


def graphs(name: str, path: Path) -> None:
    graphs_in(path.parent, name, Checkpoint(path, name))


def test_shards_are_found_by_their_index(tmp_path: Path) -> None:
    opened = checkpoint(BLIP2, tmp_path)
    shards = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert shards == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    held = [set(load_file(tmp_path / name)) for name in shards]
    assert all(held) and set(opened.names) == held[0] | held[1]
    by_index = Checkpoint(tmp_path / "model.safetensors.index.json", BLIP2)
    assert set(by_index.names) == set(opened.names)
    assert opened.dtype == np.float16


def test_a_lost_shard_or_index_is_named(tmp_path: Path) -> None:
    first = checkpoint(BLIP2, tmp_path).path
    (tmp_path / "model-00002-of-00002.safetensors").rename(tmp_path / "elsewhere")
    with pytest.raises(MissingError, match=r"model-00002-of-00002.* does not exist; download"):
        Checkpoint(first, BLIP2)
    (tmp_path / "model.safetensors.index.json").unlink()
    with pytest.raises(MissingError, match=r"index\.json does not exist"):
        Checkpoint(first, BLIP2)


@pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": 3}'])
def test_a_damaged_index_is_refused(tmp_path: Path, text: str) -> None:
    first = checkpoint(BLIP2, tmp_path).path
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(CheckpointError, match="not an index of shards"):
        Checkpoint(first, BLIP2)


def test_an_index_that_is_wrong_is_refused(tmp_path: Path) -> None:
    first = checkpoint(BLIP2, tmp_path).path
    index = tmp_path / "model.safetensors.index.json"
    places = json.loads(index.read_text())
    places["weight_map"]["more"] = first.name
    index.write_text(json.dumps(places))
    with pytest.raises(CheckpointError, match="'more' isn't in it, though the index says so"):
        Checkpoint(first, BLIP2)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\0" * 100)
    with pytest.raises(CheckpointError, match=r"not a readable \.safetensors file"):
        Checkpoint(path, BLIP)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = checkpoint(BLIP, tmp_path).path
    with pytest.raises(
        CheckpointError, match=r"doesn't hold the weights of blip2-opt-2.7b: 'vision_model.* expec"
    ):
        graphs(BLIP2, path)


def _without(tensors: dict[str, Array]) -> None:
    del tensors[_ONE]


def _more(tensors: dict[str, Array]) -> None:
    tensors["more"] = np.zeros((2, 3), np.float16)


def _wider(tensors: dict[str, Array]) -> None:
    tensors[_ONE] = np.zeros(33, np.float16)


def _nan(tensors: dict[str, Array]) -> None:
    tensors[_ONE][3] = np.nan


def _few_tokens(tensors: dict[str, Array]) -> None:
    name = "text_decoder.bert.embeddings.word_embeddings.weight"
    tensors[name] = tensors[name][:7]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_without, f"'{_ONE}' is missing"),
        (_more, r"'more' \(2, 3\) is unexpected"),
        (_wider, rf"'{_ONE}' has the shape \(33,\), expected \(32,\)"),
        (_nan, f"'{_ONE}' holds values that aren't numbers"),
        (_few_tokens, "has 7 rows, so no token 7"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, change: Callable[[dict[str, Array]], None], complaint: str
) -> None:
    path = checkpoint(BLIP, tmp_path).path
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=rf"model\.safetensors doesn't hold .*{complaint}; choose"):
        graphs(BLIP, path)
    assert not [*tmp_path.glob("*.onnx"), *tmp_path.glob("weights")]


def test_bfloat16_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_torch({_ONE: torch.ones(32, dtype=torch.bfloat16)}, path)
    with pytest.raises(CheckpointError, match="is BF16; convert the file"):
        Checkpoint(path, BLIP)


def test_second_names_and_counters_may_be_there(tmp_path: Path) -> None:
    path = checkpoint(BLIP, tmp_path).path
    tensors = load_file(path)
    table = tensors["text_decoder.bert.embeddings.word_embeddings.weight"]
    tensors["text_decoder.cls.predictions.decoder.weight"] = table.copy()
    tensors["text_decoder.bert.embeddings.position_ids"] = np.arange(64)[None]
    save_file(tensors, path)
    graphs(BLIP, path)


def test_a_file_of_pytorch_gives_the_same_weights(tmp_path: Path) -> None:
    opened = checkpoint(BLIP, tmp_path)
    path = tmp_path / "pytorch_model.bin"
    torch.save({name: torch.from_numpy(opened.read(name)) for name in opened.names}, path)
    graphs(BLIP, opened.path)
    expected = (tmp_path / "weights").read_bytes()
    (tmp_path / "weights").unlink()
    graphs(BLIP, path)
    assert len((tmp_path / "weights").read_bytes()) == len(expected)
    found = Checkpoint(path, BLIP)
    assert all((found.read(name) == opened.read(name)).all() for name in opened.names)
    path.write_bytes(b"PK nothing")
    with pytest.raises(CheckpointError, match="not a readable file of PyTorch weights"):
        Checkpoint(path, BLIP)


def test_a_cache_without_room_is_refused() -> None:
    with pytest.raises(InputError, match=r"a cache of 8 tokens.* picture and prompt take 8"):
        replace(RECIPES[BLIP2], capacity=8)
    with pytest.raises(InputError, match="the model knows 64 places"):
        replace(RECIPES[BLIP2], capacity=65)


def test_facts_are_for_people() -> None:
    facts = dict(row(BLIP2).recipe.facts())
    assert facts["picture"] == "the sequence begins with 4 vectors of 40"
