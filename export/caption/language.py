"""A language model as two graphs: the picture and the prompt at once, then token by token.

The families differ in their layers only, and those are written in their own modules.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import onnx

from trt_anime.export.caption.cache import (
    ROWS,
    Step,
    last_of,
    padded,
    shape_of_beams,
    shape_of_cache,
    shape_of_picture,
)
from trt_anime.export.caption.graph import Graph, Precision, Value
from trt_anime.export.caption.layers import attention, causal_bias
from trt_anime.export.caption.storage import WeightFile
from trt_anime.export.recipes.caption import Captioning
from trt_anime.stage import StageInfo

Attend = Callable[[Value, Value, Value], Value]  # query, key and value [B,H,T,d] -> [B,T,H*d]
Look = Callable[[Value], Value]  # query -> what it finds in the picture


class Language(Protocol):
    """A family of language models, written as nodes. `x` is float32 [B,T,width]."""

    def begin(self, g: Graph, prefix: Value | None, tokens: Value, places: Value) -> Value:
        """`x` of int32 `tokens` [B,T]; `places` int32 [1 or B,T'] count from 0, the prefix included.

        Args:
            prefix: the picture as the sequence's beginning, where it is not there yet.
        """

    def picture(self, g: Graph, layer: int, prefix: Value) -> tuple[Value, Value] | None:
        """Key and value [B,H,T,d] of the picture in a layer; None where it is part of the sequence."""

    def layer(self, g: Graph, layer: int, x: Value, attend: Attend, look: Look) -> Value:
        """`x` after a layer."""

    def logits(self, g: Graph, x: Value) -> Value:
        """[B,width] -> [B,vocabulary]."""

    def vocabulary(self, g: Graph) -> int:
        """Rows of the checkpoint's table. Raises CheckpointError: too few for the recipe's tokens."""


def prefill_graph(
    recipe: Captioning, language: Language, weights: WeightFile, *, precision: Precision, info: StageInfo
) -> onnx.ModelProto:
    """The picture and the prompt, all places at once.

    In: ``prefix`` float32 [batch,length,width]; ``tokens`` int32 [batch,prompt], padded on the right with
    anything; ``length`` int32 [batch], how many of them are the prompt. Out: ``logits`` float32
    [batch,vocabulary] of the token that follows; ``position`` int32 [batch], the slot that is its; for each
    layer N ``key_N``, ``value_N`` [batch,heads,capacity,head_width], and where the picture isn't
    part of the sequence ``picture_key_N``, ``picture_value_N`` [batch,heads,length,head_width].
    These are of the type that products are computed in, so that nothing is lost by keeping them.

    Raises CheckpointError: a tensor is missing, or has another shape.
    """
    g, d, slots = Graph(weights, precision=precision), recipe.decoder, recipe.prefix_slots + recipe.prompt
    prefix = g.input("prefix", np.float32, (ROWS, *recipe.prefix))
    tokens = g.input("tokens", np.int32, (ROWS, recipe.prompt))
    length = g.input("length", np.int32, (ROWS,))
    x = language.begin(g, prefix, tokens, g.constant(np.arange(slots, dtype=np.int32)[None]))
    bias, scale = causal_bias(g, slots), d.head_width**-0.5
    kept: dict[str, Value] = {}
    pictures: dict[str, Value] = {}
    for layer in range(d.layers):

        def attend(query: Value, key: Value, value: Value, layer: int = layer) -> Value:
            kept.update({f"key_{layer}": key, f"value_{layer}": value})
            return attention(g, query, key, value, scale=scale, bias=bias)

        def look(query: Value, layer: int = layer) -> Value:
            seen = language.picture(g, layer, prefix)
            assert seen is not None
            pictures.update(zip((f"picture_key_{layer}", f"picture_value_{layer}"), seen, strict=True))
            return attention(g, query, *seen, scale=scale)

        x = language.layer(g, layer, x, attend, look)
    position = g.node("Add", length, g.constant(np.array([recipe.prefix_slots], np.int32)))
    last = g.node("Sub", position, g.constant(np.array([1], np.int32)))
    logits = language.logits(g, last_of(g, x, last, slots))
    g.output(logits, "logits", np.float32, (ROWS, language.vocabulary(g)))
    g.output(position, "position", np.int32, (ROWS,))
    for name, value in kept.items():
        full = padded(g, g.as_cached(value), slots, recipe.capacity)
        g.output(full, name, g.cached, shape_of_cache(recipe))
    for name, value in pictures.items():
        g.output(g.as_cached(value), name, g.cached, shape_of_picture(recipe))
    return g.finished(info)


def step_graph(
    recipe: Captioning, language: Language, weights: WeightFile, *, precision: Precision, info: StageInfo
) -> onnx.ModelProto:
    """One more token for every beam of every picture.

    In: ``token`` int32 [batch,beams]; ``position`` int32 [batch,beams], its slot; ``origin`` int32
    [batch,beams], the row of the cache that each goes on from, counted through all pictures: beams change
    places by it, and a picture becomes several beams; ``key_N``, ``value_N`` [batch,beams,heads,capacity,
    head_width], where rows that no ``origin`` names may hold anything, so that what ``prefill`` gave, a row
    for each picture, can be the first rows; ``picture_key_N``, ``picture_value_N`` as it gave them. Out:
    ``logits`` float32 [batch,beams,vocabulary]; ``new_key_N``, ``new_value_N`` like ``key_N``.

    Raises CheckpointError: a tensor is missing, or has another shape.
    """
    g, d, beams = Graph(weights, precision=precision), recipe.decoder, (ROWS, recipe.beams)
    token, position, origin = (
        g.node("Reshape", g.input(name, np.int32, beams), g.integers(-1))
        for name in ("token", "position", "origin")
    )
    step, column = Step.of(g, position, origin, recipe), g.integers(1)
    x = language.begin(g, None, *(g.node("Unsqueeze", value, column) for value in (token, position)))
    kept: dict[str, Value] = {}
    for layer in range(d.layers):

        def attend(query: Value, key: Value, value: Value, layer: int = layer) -> Value:
            full = []
            for name, new in ((f"key_{layer}", key), (f"value_{layer}", value)):
                old = g.input(name, g.cached, shape_of_beams(recipe))
                kept[f"new_{name}"] = step.written(g, old, g.as_cached(new))
                full.append(kept[f"new_{name}"])
            return attention(g, query, *full, scale=d.head_width**-0.5, bias=step.bias)

        def look(query: Value, layer: int = layer) -> Value:
            names = f"picture_key_{layer}", f"picture_value_{layer}"
            seen = (g.input(name, g.cached, shape_of_picture(recipe)) for name in names)
            return step.attention_to_picture(g, query, *seen)

        x = language.layer(g, layer, x, attend, look)
    rows = language.vocabulary(g)
    logits = language.logits(g, g.node("Squeeze", x, column))
    every = g.node("Reshape", logits, g.integers(-1, recipe.beams, rows))
    g.output(every, "logits", np.float32, (*beams, rows))
    for name, value in kept.items():
        shape = shape_of_beams(recipe)
        every = g.node("Reshape", value, g.integers(-1, *map(int, shape[1:])))
        g.output(every, name, g.cached, shape)
    return g.finished(info)
