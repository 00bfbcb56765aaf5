"""What all transformers here are made of. Sequences are float32 [B,T,width]."""

import math

import numpy as np
from onnx import TensorProto

from trt_anime.export.caption.graph import Graph, Value
from trt_anime.export.recipes.caption import Decoder

# Added to the scores of what may not be seen: after the softmax nothing is left of it.
UNSEEN = -1e9


def linear(g: Graph, x: Value, name: str, wide: int, out: int) -> Value:
    """x W + b of the layer `name`, which maps `wide` numbers to `out`."""
    product = g.product(x, g.weight(f"{name}.weight", (out, wide), transposed=True))
    return g.node("Add", product, g.weight(f"{name}.bias", (out,)))


def norm(g: Graph, x: Value, name: str, width: int, eps: float) -> Value:
    """Layer norm over the last axis."""
    scale, shift = g.weight(f"{name}.weight", (width,)), g.weight(f"{name}.bias", (width,))
    return g.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=eps)


def gelu(g: Graph, x: Value) -> Value:
    """The exact one, with the error function."""
    error = g.node("Erf", g.node("Mul", x, g.scalar(1 / math.sqrt(2))))
    return g.node("Mul", g.node("Mul", x, g.scalar(0.5)), g.node("Add", error, g.scalar(1)))


def heads(g: Graph, x: Value, count: int, width: int) -> Value:
    """[B,T,count*width] -> [B,count,T,width]."""
    split = g.node("Reshape", x, g.integers(0, -1, count, width))
    return g.node("Transpose", split, perm=[0, 2, 1, 3])


def attention(g: Graph, q: Value, k: Value, v: Value, *, scale: float, bias: Value | None = None) -> Value:
    """[B,H,Q,d], [B,H,K,d], [B,H,K,d] -> [B,Q,H*d].

    Args:
        bias: float32, broadcasts to [B,H,Q,K]; is added to the scores.
    """
    mixed = g.product(weights_of(g, q, k, scale=scale, bias=bias), v)
    return g.node("Reshape", g.node("Transpose", mixed, perm=[0, 2, 1, 3]), g.integers(0, 0, -1))


def weights_of(g: Graph, q: Value, k: Value, *, scale: float, bias: Value | None) -> Value:
    """Attention's shares, float32 [B,H,Q,K]; the sum over K is 1."""
    scaled = g.node("Mul", q, g.scalar(scale))  # before the product: the scores stay small in FP16
    scores = g.product(scaled, g.node("Transpose", k, perm=[0, 1, 3, 2]))
    if bias is not None:
        scores = g.node("Add", scores, bias)
    return g.node("Softmax", scores, axis=-1)


def embedded(g: Graph, table: str, tokens: Value, *, rows: int, width: int) -> Value:
    """Rows of a table by number, float32."""
    found = g.node("Gather", g.weight(table, (rows, width)), tokens, axis=0)
    return g.cast(found, TensorProto.FLOAT) if g.weights.matrices == np.float16 else found


def rows_of_table(g: Graph, table: str, decoder: Decoder) -> int:
    """How many tokens the checkpoint knows. Raises CheckpointError: fewer than the recipe names."""
    rows, highest = g.weights.shape(table)[0], max(decoder.start, *decoder.stop)
    if rows <= highest:
        raise g.weights.error(f"'{table}' has {rows} rows, so no token {highest}")
    return rows


def causal_bias(g: Graph, length: int) -> Value:
    """float32 [1,1,length,length]: each place sees itself and those before it."""
    later = np.triu(np.ones((length, length), np.float32), 1) * np.float32(UNSEEN)
    return g.constant(later[None, None])


def scores_of_tokens(g: Graph, x: Value, table: str, *, rows: int, width: int) -> Value:
    """[B,width] -> logits [B,rows], by the table that embeds the tokens."""
    weight = g.weight(table, (rows, width))
    element = TensorProto.FLOAT if g.precision == "fp32" else TensorProto.FLOAT16
    product = g.node("Gemm", g.cast(x, element), g.cast(weight, element), transB=1)
    return product if g.precision == "fp32" else g.node("Cast", product, to=TensorProto.FLOAT)
