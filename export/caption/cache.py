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

ROWS = "batch"


def shape_of_cache(recipe: Captioning) -> Shape:
    """Of the keys of a layer for one beginning of each picture, and of the values."""
    return ROWS, recipe.decoder.heads, recipe.capacity, recipe.decoder.head_width


def shape_of_beams(recipe: Captioning) -> Shape:
    """The same for all beams of each picture."""
    return ROWS, recipe.beams, *shape_of_cache(recipe)[1:]


def shape_of_picture(recipe: Captioning) -> Shape:
    """Of the picture's keys in a layer, and of its values."""
    return ROWS, recipe.decoder.heads, recipe.prefix[0], recipe.decoder.head_width


def padded(g: Graph, value: Value, length: int, capacity: int) -> Value:
    """[B,H,length,d] -> [B,H,capacity,d], zeros behind."""
    return g.node("Pad", value, g.integers(0, 0, 0, 0, 0, 0, capacity - length, 0))


@dataclass(frozen=True)
class Step:
    """What all layers of a step share; R rows are all beams of all pictures, picture by picture.

    Attributes:
        origin: int32 [R]: the row of the cache that each row goes on from.
        here: bool [R,1,capacity,1]: the slot that is written.
        bias: float32 [R,1,1,capacity]: 0 for the slots that hold something, that one included.
    """

    origin: Value
    here: Value
    bias: Value
    recipe: Captioning

    @classmethod
    def of(cls, g: Graph, position: Value, origin: Value, recipe: Captioning) -> "Step":
        """`position` and `origin` int32 [R]; `position` is the slot that is written."""
        slots = np.arange(recipe.capacity, dtype=np.int32)
        place = g.node("Reshape", position, g.integers(-1, 1, 1, 1))
        here = g.node("Equal", place, g.constant(slots.reshape(1, 1, -1, 1)))
        later = g.node("Greater", g.constant(slots.reshape(1, 1, 1, -1)), place)
        bias = g.node("Mul", g.node("Cast", later, to=TensorProto.FLOAT), g.scalar(UNSEEN))
        return cls(origin, here, bias, recipe)

    def written(self, g: Graph, cache: Value, new: Value) -> Value:
        """The rows' own copies [R,H,capacity,d] of a `cache` of beams, with `new` [R,H,1,d] in its slot."""
        rows = g.node("Reshape", cache, g.integers(-1, *map(int, shape_of_cache(self.recipe)[1:])))
        return g.node("Where", self.here, new, g.node("Gather", rows, self.origin, axis=0))

    def attention_to_picture(self, g: Graph, query: Value, key: Value, value: Value) -> Value:
        """All beams' attention to one copy of their picture: they become the places of one query.

        `query` [R,H,1,d], `key` and `value` [B,H,K,d] -> [R,1,H*d].
        """
        d = self.recipe.decoder
        beams = g.node("Reshape", query, g.integers(-1, self.recipe.beams, d.heads, d.head_width))
        found = attention(
            g, g.node("Transpose", beams, perm=[0, 2, 1, 3]), key, value, scale=d.head_width**-0.5
        )
        return g.node("Reshape", found, g.integers(-1, 1, d.width))


def last_of(g: Graph, x: Value, last: Value, length: int) -> Value:
    """[B,length,width] -> [B,width]: the place `last` int32 [B] of each row."""
    places = g.constant(np.arange(length, dtype=np.int32).reshape(1, -1, 1))
    chosen = g.node("Equal", places, g.node("Reshape", last, g.integers(-1, 1, 1)))
    alone = g.node("Where", chosen, x, g.scalar(0))
    return g.node("ReduceSum", alone, g.integers(1), keepdims=0)
