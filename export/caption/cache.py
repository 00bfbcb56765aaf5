"""The key-value cache: of fixed capacity, in and out of the graphs as bindings, two tensors a layer.

A row's token number p lies in slot p, so that `position` alone says which slots hold something: prompts of
several lengths are padded on the right, and what padding left behind is written over before it is seen.
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from trt_anime.export.caption.graph import Graph, Shape, Value
from trt_anime.export.caption.layers import UNSEEN, attention
from trt_anime.export.recipes.caption import Captioning

ROWS, PICTURES = "batch", "pictures"


def shape_of_cache(recipe: Captioning, rows: str) -> Shape:
    """Of the keys of a layer, and of its values."""
    return rows, recipe.decoder.heads, recipe.capacity, recipe.decoder.head_width


def shape_of_picture(recipe: Captioning, rows: str) -> Shape:
    """Of the picture's keys in a layer, and of its values."""
    return rows, recipe.decoder.heads, recipe.prefix[0], recipe.decoder.head_width


def padded(g: Graph, value: Value, length: int, capacity: int) -> Value:
    """[B,H,length,d] -> [B,H,capacity,d], zeros behind."""
    return g.node("Pad", value, g.integers(0, 0, 0, 0, 0, 0, capacity - length, 0))


@dataclass(frozen=True)
class Step:
    """What all layers of a step share.

    Attributes:
        origin: int32 [B]: the row of the cache that each row goes on from.
        here: bool [B,1,capacity,1]: the slot that is written.
        bias: float32 [B,1,1,capacity]: 0 for the slots that hold something, that one included.
    """

    origin: Value
    here: Value
    bias: Value

    @classmethod
    def of(cls, g: Graph, position: Value, origin: Value, capacity: int) -> "Step":
        """`position` int32 [B]: the slot that is written."""
        slots = np.arange(capacity, dtype=np.int32)
        place = g.node("Reshape", position, g.integers(-1, 1, 1, 1))
        here = g.node("Equal", place, g.constant(slots.reshape(1, 1, -1, 1)))
        later = g.node("Greater", g.constant(slots.reshape(1, 1, 1, -1)), place)
        bias = g.node("Mul", g.node("Cast", later, to=TensorProto.FLOAT), g.scalar(UNSEEN))
        return cls(origin, here, bias)

    def written(self, g: Graph, cache: Value, new: Value) -> Value:
        """The rows' own copies of the cache [B,H,capacity,d], with `new` [B,H,1,d] in its slot."""
        return g.node("Where", self.here, new, g.node("Gather", cache, self.origin, axis=0))


def last_of(g: Graph, x: Value, last: Value, length: int) -> Value:
    """[B,length,width] -> [B,width]: the place `last` int32 [B] of each row."""
    places = g.constant(np.arange(length, dtype=np.int32).reshape(1, -1, 1))
    chosen = g.node("Equal", places, g.node("Reshape", last, g.integers(-1, 1, 1)))
    alone = g.node("Where", chosen, x, g.scalar(0))
    return g.node("ReduceSum", alone, g.integers(1), keepdims=0)


def grouped_attention(g: Graph, query: Value, key: Value, value: Value, *, recipe: Captioning) -> Value:
    """Attention of all beams of a picture to one copy of it.

    `query` [batch,H,1,d], `key` and `value` [pictures,H,K,d] -> [batch,1,H*d]. The rows of a picture lie
    together and become the places of one query.
    """
    d = recipe.decoder
    pictures = g.node("Shape", key, start=0, end=1)
    rows = g.node("Concat", pictures, g.integers(-1, d.heads, d.head_width), axis=0)
    together = g.node("Transpose", g.node("Reshape", query, rows), perm=[0, 2, 1, 3])
    found = attention(g, together, key, value, scale=d.head_width**-0.5)
    return g.node("Reshape", found, g.integers(-1, 1, d.width))
