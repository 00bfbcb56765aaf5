"""GroundingDINO's side of the text, once per prompt: which tokens are a phrase, and what they mean.

A prompt is phrases between full stops, as in ``[CLS] fire . black smoke . [SEP]``. The tokens of a phrase
and the stop behind it see each other and nothing else, and are counted from 0 within it.
"""

import math
from typing import Any

import numpy as np
import onnx
import spox
import spox.opset.ai.onnx.v20 as op
import torch
from spox import Var, argument, build
from torch import Tensor, nn
from transformers import GroundingDinoForObjectDetection
from transformers.models.grounding_dino.modeling_grounding_dino import SPECIAL_TOKENS

from trt_anime.export.detect.vision import MASKED
from trt_anime.export.geometry import integers, scalar

_TEMPERATURE = 10000.0


class PromptNetwork(nn.Module):
    """BERT and the projection to the width of the picture's features."""

    def __init__(self, network: GroundingDinoForObjectDetection) -> None:
        super().__init__()
        self.network: Any = network

    def forward(self, ids: Tensor, order: Tensor, mask: Tensor) -> Tensor:
        """
        Args:
            ids: int64 [1,T].
            order: int64 [1,T], each token's place in its phrase.
            mask: float32 [1,1,T,T], 0 where a token sees another, `MASKED` elsewhere.

        Returns:
            float32 [1,T,D].
        """
        model = self.network.model
        found = model.text_backbone(ids, mask, torch.zeros_like(ids), order)
        result: Tensor = model.text_projection(found.last_hidden_state)
        return result


def phrases_graph(context: int) -> onnx.ModelProto:
    """Before BERT. In: ``ids`` int64 [1,T], 0 behind the prompt's end. Out: ``tokens``, the same; ``order``
    and ``mask`` as `PromptNetwork` takes them; ``together`` float32 [1,T,T], 1 where two tokens are of one
    phrase; ``present`` float32 [1,T], 1 up to the prompt's end."""
    ids = argument(spox.Tensor(np.int64, (1, context)))
    values = op.cast(op.reshape(ids, integers(context)), to=np.float32)  # whole numbers below 2^24
    numbers = op.const(np.arange(context, dtype=np.float32))
    none, end = scalar(-1), scalar(context)
    kinds = op.const(np.array(SPECIAL_TOKENS, np.float32)[:, None])
    special = op.greater(
        op.reduce_max(op.cast(op.equal(values, kinds), to=np.float32), integers(0), keepdims=False),
        scalar(0),
    )
    places = np.arange(context)
    ahead, behind = op.const(places[None] >= places[:, None]), op.const(places[None] < places[:, None])
    following = op.where(op.and_(ahead, special), numbers, end)
    following = op.reduce_min(following, integers(1), keepdims=False)
    before = op.where(op.and_(behind, special), numbers, none)
    before = op.reduce_max(before, integers(1), keepdims=False)
    valid = op.cast(op.greater(values, scalar(0)), to=np.float32)
    last = op.sub(op.reduce_sum(valid, integers(0)), scalar(1))
    # What ends with the first or the last token is no phrase.
    phrase = op.and_(op.greater(following, scalar(0)), op.less(following, last))
    inner = op.max([op.sub(op.sub(numbers, before), scalar(1)), scalar(0)])
    order = op.where(phrase, inner, scalar(0))
    column = op.unsqueeze(following, integers(1))
    alike = op.and_(op.equal(column, following), phrase)
    blocks = op.cast(op.or_(alike, op.const(np.eye(context, dtype=bool))), to=np.float32)
    mask = op.mul(op.sub(scalar(1), blocks), scalar(MASKED))
    return build(
        {"ids": ids},
        {
            "tokens": op.identity(ids),
            "order": op.reshape(op.cast(order, to=np.int64), integers(1, context)),
            "mask": op.reshape(mask, integers(1, 1, context, context)),
            "together": op.reshape(blocks, integers(1, context, context)),
            "present": op.reshape(valid, integers(1, context)),
        },
    )


def described_graph(context: int, features: int) -> onnx.ModelProto:
    """After BERT. In: its ``text`` float32 [1,T,D]; ``order``, ``together``, ``present`` from before it.
    Out: ``features`` float32 [1,T,D], 0 behind the prompt's end; ``positions`` float32 [1,T,D], the places
    as sines and cosines; ``blocks`` uint8 [1,T,T] and ``valid`` uint8 [1,T], 0 or 1."""
    text = argument(spox.Tensor(np.float32, (1, context, features)))
    order = argument(spox.Tensor(np.int64, (1, context)))
    together = argument(spox.Tensor(np.float32, (1, context, context)))
    present = argument(spox.Tensor(np.float32, (1, context)))
    return build(
        {"text": text, "order": order, "together": together, "present": present},
        {
            "features": op.mul(text, op.unsqueeze(present, integers(2))),
            "positions": _waves(op.cast(order, to=np.float32), context, features),
            "blocks": op.cast(together, to=np.uint8),
            "valid": op.cast(present, to=np.uint8),
        },
    )


def _waves(order: Var, context: int, features: int) -> Var:
    """[1,T] -> [1,T,features]: a sine and a cosine for each wave length, alternating."""
    lengths = np.float32(_TEMPERATURE) ** (np.arange(0, features, 2, dtype=np.float32) / features)
    turns = op.mul(op.unsqueeze(order, integers(2)), scalar(2 * math.pi))
    angles = op.unsqueeze(op.div(turns, op.const(lengths.astype(np.float32))), integers(3))
    both = op.concat([op.sin(angles), op.cos(angles)], axis=3)
    return op.reshape(both, integers(1, context, features))
