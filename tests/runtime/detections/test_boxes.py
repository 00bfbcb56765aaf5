"""Prompts and boxes on the host, against GroundingDINO's processor."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer as Backend
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing
from transformers.models.grounding_dino.processing_grounding_dino import (
    GroundingDinoProcessor,
    _merge_candidate_labels_text,
)

from trt_anime.errors import InputError
from trt_anime.runtime.detections.boxes import detections
from trt_anime.runtime.detections.prompts import caption, prompt_from_ids, prompt_from_phrases
from trt_anime.runtime.text.tokenizer import Tokenizer

IDS = [101, 2543, 1012, 2304, 5610, 1012, 102]
PHRASES = ["fire", "black smoke"]
QUERIES, CONTEXT = 40, 16


def outputs(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits [1,Q,T], minus infinity where there is no token, and boxes [1,Q,4]."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, QUERIES, CONTEXT, generator=random) * 2 - 2
    logits[..., len(IDS) :] = -torch.inf
    return logits, torch.rand(1, QUERIES, 4, generator=random)


def by_the_processor(logits: torch.Tensor, boxes: torch.Tensor, **thresholds: float) -> Any:
    processor: Any = GroundingDinoProcessor
    tokens = SimpleNamespace(batch_decode=lambda ids: [tuple(int(one) for one in row) for row in ids])
    given = SimpleNamespace(logits=logits, pred_boxes=boxes, input_ids=torch.tensor([IDS]))
    (found,) = processor.post_process_grounded_object_detection(
        tokens, given, target_sizes=[(720, 1280)], **thresholds
    )
    return found


@pytest.mark.parametrize("threshold", [0.25, 0.6])
@pytest.mark.parametrize("text_threshold", [0.1, 0.25, 0.7])
@pytest.mark.parametrize("seed", range(3))
def test_the_same_as_the_processor(seed: int, threshold: float, text_threshold: float) -> None:
    logits, shares = outputs(seed)
    wanted = by_the_processor(logits, shares, threshold=threshold, text_threshold=text_threshold)
    tokens = logits[0].sigmoid().numpy()
    centre, size = shares[0, :, :2].numpy(), shares[0, :, 2:].numpy()
    boxes = np.concatenate([centre - size / 2, centre + size / 2], 1) * [1280, 720, 1280, 720]
    found = detections(
        boxes,
        tokens.max(-1),
        tokens,
        prompt_from_ids(PHRASES, IDS),
        threshold=threshold,
        text_threshold=text_threshold,
    )
    order = np.argsort(-wanted["scores"].numpy(), kind="stable")
    assert len(found) == len(order) > 0
    for one, row in zip(found, order, strict=True):
        assert one.score == float(wanted["scores"][row])
        assert one.ids == wanted["text_labels"][row]
        np.testing.assert_allclose(one.box, wanted["boxes"][row].numpy(), atol=1e-3)


def test_the_phrase_is_that_of_the_best_token_and_the_limit_takes_the_best() -> None:
    tokens = np.zeros((3, CONTEXT), np.float32)
    tokens[0, 1], tokens[1, 4], tokens[2, 3] = 0.5, 0.9, 0.7
    tokens[2, 5] = 0.8  # the stop behind black smoke
    found = detections(np.ones((3, 4)), tokens.max(-1), tokens, prompt_from_ids(PHRASES, IDS), limit=2)
    assert [(one.phrase, one.ids) for one in found] == [(1, (5610,)), (1, (2304, 1012))]
    (fire,) = detections(np.ones((3, 4)), tokens.max(-1), tokens, prompt_from_ids(PHRASES, IDS))[2:]
    assert (fire.phrase, fire.ids, fire.box) == (0, (2543,), (1.0, 1.0, 1.0, 1.0))


def test_the_caption_is_the_processors() -> None:
    phrases = ["A Cat", " a remote control "]
    assert caption(phrases) == _merge_candidate_labels_text(phrases) == "a cat. a remote control."


@pytest.mark.parametrize("phrases", [[], [""], ["fire", " "], ["fire. smoke"], ["who?"]])
def test_what_is_no_phrase(phrases: list[str]) -> None:
    with pytest.raises(InputError, match=r"name at least one|is empty or has a '\.'"):
        caption(phrases)


def bert() -> Backend:
    """BERT's way with the few words that are needed here, under the numbers of the published file."""
    words = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, ".": 1012, "?": 1029}
    words |= {"fire": 2543, "black": 2304, "smoke": 5610}
    backend = Backend(WordPiece(words, unk_token="[UNK]"))
    backend.normalizer, backend.pre_tokenizer = BertNormalizer(lowercase=True), BertPreTokenizer()
    backend.post_processor = BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    return backend


def test_phrases_become_tokens(tmp_path: Path) -> None:
    tokenizer = Tokenizer(bert(), context=7, source=tmp_path)
    prompt = prompt_from_phrases(["Fire ", "black smoke"], tokenizer)
    assert prompt.ids == tuple(IDS) and prompt.phrases == ("Fire ", "black smoke")
    with pytest.raises(InputError, match="has 9 tokens, the network reads 7 at most"):
        prompt_from_phrases(["fire", "black smoke", "fire"], tokenizer)


def test_spans() -> None:
    prompt = prompt_from_ids(PHRASES, IDS)
    assert prompt.spans == ((1, 2), (3, 5))
    assert prompt.padded(9).tolist() == [[*IDS, 0, 0]]
    assert prompt.padded(7).dtype == np.int64


def test_longer_than_the_context() -> None:
    with pytest.raises(InputError, match="2 phrases has 7 tokens, and the model takes 6; leave some out"):
        prompt_from_ids(PHRASES, IDS).padded(6)


@pytest.mark.parametrize("ids", [[], IDS[1:], IDS[:-1], [101, 2543, 1012, 102]])
def test_ids_of_something_else(ids: list[int]) -> None:
    with pytest.raises(InputError, match="2 phrases came with the token ids of"):
        prompt_from_ids(PHRASES, ids)
