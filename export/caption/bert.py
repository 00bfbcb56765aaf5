"""BLIP's language model: a BERT that reads from left to right, and looks at the picture in every layer."""

from trt_anime.export.caption.graph import Graph, Value
from trt_anime.export.caption.language import Attend, Look
from trt_anime.export.caption.layers import (
    embedded,
    gelu,
    heads,
    linear,
    norm,
    rows_of_table,
    scores_of_tokens,
)
from trt_anime.export.recipes.caption import Captioning

_AT = "text_decoder.bert"
_TOKENS, _PLACES = (f"{_AT}.embeddings.{name}_embeddings.weight" for name in ("word", "position"))
_HEAD = "text_decoder.cls.predictions"


class Bert:
    """See `language.Language`. Li et al., "BLIP: Bootstrapping Language-Image Pre-training..."."""

    def __init__(self, recipe: Captioning) -> None:
        self._d, self._picture_width = recipe.decoder, recipe.vision.width

    def begin(self, g: Graph, prefix: Value | None, tokens: Value, places: Value) -> Value:
        d = self._d
        x = embedded(g, _TOKENS, tokens, rows=self.vocabulary(g), width=d.width)
        x = g.node("Add", x, embedded(g, _PLACES, places, rows=d.positions, width=d.width))
        return norm(g, x, f"{_AT}.embeddings.LayerNorm", d.width, d.norm_eps)

    def picture(self, g: Graph, layer: int, prefix: Value) -> tuple[Value, Value]:
        at = f"{_AT}.encoder.layer.{layer}.crossattention.self"
        return (
            self._heads(g, prefix, f"{at}.key", self._picture_width),
            self._heads(g, prefix, f"{at}.value", self._picture_width),
        )

    def layer(self, g: Graph, layer: int, x: Value, attend: Attend, look: Look) -> Value:
        d, at = self._d, f"{_AT}.encoder.layer.{layer}"
        names = (f"{at}.attention.self.{name}" for name in ("query", "key", "value"))
        y = attend(*(self._heads(g, x, name, d.width) for name in names))
        x = self._added(g, y, x, f"{at}.attention.output", d.width)
        y = look(self._heads(g, x, f"{at}.crossattention.self.query", d.width))
        x = self._added(g, y, x, f"{at}.crossattention.output", d.width)
        y = gelu(g, linear(g, x, f"{at}.intermediate.dense", d.width, d.hidden))
        return self._added(g, y, x, f"{at}.output", d.hidden)

    def logits(self, g: Graph, x: Value) -> Value:
        d, rows = self._d, self.vocabulary(g)
        y = gelu(g, linear(g, x, f"{_HEAD}.transform.dense", d.width, d.width))
        y = norm(g, y, f"{_HEAD}.transform.LayerNorm", d.width, d.norm_eps)
        # Published files may have the table of tokens twice, and the bias.
        g.weights.twin(f"{_HEAD}.decoder.weight", _TOKENS)
        g.weights.twin(f"{_HEAD}.decoder.bias", f"{_HEAD}.bias")
        scores = scores_of_tokens(g, y, _TOKENS, rows=rows, width=d.width)
        return g.node("Add", scores, g.weight(f"{_HEAD}.bias", (rows,)))

    def vocabulary(self, g: Graph) -> int:
        return rows_of_table(g, _TOKENS, self._d)

    def _heads(self, g: Graph, x: Value, name: str, wide: int) -> Value:
        d = self._d
        return heads(g, linear(g, x, name, wide, d.width), d.heads, d.head_width)

    def _added(self, g: Graph, y: Value, x: Value, at: str, wide: int) -> Value:
        d = self._d
        sum_ = g.node("Add", linear(g, y, f"{at}.dense", wide, d.width), x)
        return norm(g, sum_, f"{at}.LayerNorm", d.width, d.norm_eps)
