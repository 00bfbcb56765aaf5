"""OPT, BLIP-2's language model: the picture is the beginning of the sequence."""

import numpy as np

from trt_anime.export.caption.graph import Graph, Value
from trt_anime.export.caption.language import Attend, Look
from trt_anime.export.caption.layers import (
    embedded,
    heads,
    linear,
    norm,
    rows_of_table,
    scores_of_tokens,
)
from trt_anime.export.recipes.caption import Decoder

_AT = "language_model.model.decoder"
_TOKENS, _PLACES = f"{_AT}.embed_tokens.weight", f"{_AT}.embed_positions.weight"
_OFFSET = 2  # the table of positions begins with two rows for padding
_HEAD = "language_model.lm_head.weight"  # published files may have the table of tokens twice


class Opt:
    """See `language.Language`. Zhang et al., "OPT: Open Pre-trained Transformer Language Models"."""

    def __init__(self, decoder: Decoder) -> None:
        self._d = decoder

    def begin(self, g: Graph, prefix: Value | None, tokens: Value, places: Value) -> Value:
        d = self._d
        x = embedded(g, _TOKENS, tokens, rows=self.vocabulary(g), width=d.width)
        x = x if prefix is None else g.node("Concat", prefix, x, axis=1)
        order = g.node("Add", places, g.constant(np.array([_OFFSET], np.int32)))
        return g.node("Add", x, embedded(g, _PLACES, order, rows=d.positions + _OFFSET, width=d.width))

    def picture(self, g: Graph, layer: int, prefix: Value) -> None:
        return None

    def layer(self, g: Graph, layer: int, x: Value, attend: Attend, look: Look) -> Value:
        d, at = self._d, f"{_AT}.layers.{layer}"
        y = norm(g, x, f"{at}.self_attn_layer_norm", d.width, d.norm_eps)
        parts = (linear(g, y, f"{at}.self_attn.{name}_proj", d.width, d.width) for name in "qkv")
        y = attend(*(heads(g, part, d.heads, d.head_width) for part in parts))
        x = g.node("Add", x, linear(g, y, f"{at}.self_attn.out_proj", d.width, d.width))
        y = norm(g, x, f"{at}.final_layer_norm", d.width, d.norm_eps)
        y = g.node("Relu", linear(g, y, f"{at}.fc1", d.width, d.hidden))
        return g.node("Add", x, linear(g, y, f"{at}.fc2", d.hidden, d.width))

    def logits(self, g: Graph, x: Value) -> Value:
        d = self._d
        y = norm(g, x, f"{_AT}.final_layer_norm", d.width, d.norm_eps)
        g.weights.twin(_HEAD, _TOKENS)
        return scores_of_tokens(g, y, _TOKENS, rows=self.vocabulary(g), width=d.width)

    def vocabulary(self, g: Graph) -> int:
        return rows_of_table(g, _TOKENS, self._d)
