"""The graph `vision`: a frame becomes what the language model reads of it."""

import numpy as np
import onnx
from onnx import TensorProto

from trt_anime.export.caption.graph import Graph, Precision, Value
from trt_anime.export.caption.layers import attention, gelu, heads, linear, norm
from trt_anime.export.caption.prepare import prepare_graph
from trt_anime.export.caption.storage import WeightFile
from trt_anime.export.parts import PREPARE
from trt_anime.export.recipes.caption import Captioning, QFormer, Vision
from trt_anime.stage import StageInfo


def vision_graph(
    recipe: Captioning, weights: WeightFile, *, precision: Precision, info: StageInfo
) -> onnx.ModelProto:
    """``frame`` uint8 [batch,height,width,3] RGB -> ``prefix`` float32 [batch,length,width].

    Raises CheckpointError: a tensor is missing, or has another shape.
    """
    g = Graph(weights, precision=precision)
    frame = g.input("frame", np.uint8, ("batch", "height", "width", 3))
    before = g.include(prepare_graph(recipe.vision.side, precision=precision), PREPARE, {"frame": frame})
    x = encoded(g, before["image"], recipe.vision)
    if recipe.qformer is not None:
        x = queried(g, x, recipe.qformer, recipe.vision.width)
        x = linear(g, x, "language_projection", recipe.qformer.width, recipe.decoder.width)
    g.output(x, "prefix", np.float32, ("batch", *recipe.prefix))
    return g.finished(info)


def encoded(g: Graph, image: Value, v: Vision) -> Value:
    """float32 [B,3,side,side] -> [B,positions,width]."""
    x = embedded_patches(g, image, v)
    for layer in range(v.layers):
        at = f"vision_model.encoder.layers.{layer}"
        y = norm(g, x, f"{at}.layer_norm1", v.width, v.norm_eps)
        x = g.node("Add", x, _self_attention(g, y, f"{at}.self_attn", v))
        y = norm(g, x, f"{at}.layer_norm2", v.width, v.norm_eps)
        y = gelu(g, linear(g, y, f"{at}.mlp.fc1", v.width, v.hidden))
        x = g.node("Add", x, linear(g, y, f"{at}.mlp.fc2", v.hidden, v.width))
    return norm(g, x, "vision_model.post_layernorm", v.width, v.norm_eps)


def embedded_patches(g: Graph, image: Value, v: Vision) -> Value:
    """The class token and the patches, each with its position."""
    at = "vision_model.embeddings"
    kernel = g.table(f"{at}.patch_embedding.weight", (v.width, 3, v.patch, v.patch))
    bias = g.weight(f"{at}.patch_embedding.bias", (v.width,))
    if g.precision == "fp16":
        half = [g.cast(value, TensorProto.FLOAT16) for value in (image, kernel, bias)]
        patches = g.node("Conv", *half, strides=[v.patch, v.patch])
        patches = g.node("Cast", patches, to=TensorProto.FLOAT)
    else:
        patches = g.node("Conv", image, kernel, bias, strides=[v.patch, v.patch])
    rows = g.node("Transpose", g.node("Reshape", patches, g.integers(0, 0, -1)), perm=[0, 2, 1])
    token = g.table(f"{at}.class_embedding", (1, 1, v.width))
    batch = g.node("Shape", rows, start=0, end=1)
    tokens = g.node("Expand", token, g.node("Concat", batch, g.integers(1, v.width), axis=0))
    places = g.table(f"{at}.position_embedding", (1, v.positions, v.width))
    return g.node("Add", g.node("Concat", tokens, rows, axis=1), places)


def queried(g: Graph, picture: Value, q: QFormer, picture_width: int) -> Value:
    """[B,positions,picture_width] -> [B,queries,width]: BLIP-2's Q-Former without its text."""
    x = norm(g, g.table("query_tokens", (1, q.queries, q.width)), "qformer.layernorm", q.width, q.norm_eps)
    batch = g.node("Shape", picture, start=0, end=1)
    x = g.node("Expand", x, g.node("Concat", batch, g.integers(q.queries, q.width), axis=0))
    for layer in range(q.layers):
        at = f"qformer.encoder.layer.{layer}"
        x = _attended(g, x, x, f"{at}.attention", q, q.width)
        if layer % q.cross_every == 0:
            x = _attended(g, x, picture, f"{at}.crossattention", q, picture_width)
        y = gelu(g, linear(g, x, f"{at}.intermediate_query.dense", q.width, q.hidden))
        y = linear(g, y, f"{at}.output_query.dense", q.hidden, q.width)
        x = norm(g, g.node("Add", y, x), f"{at}.output_query.LayerNorm", q.width, q.norm_eps)
    return x


def _self_attention(g: Graph, x: Value, at: str, v: Vision) -> Value:
    each = v.width // v.heads
    mixed = linear(g, x, f"{at}.qkv", v.width, 3 * v.width)
    parts = g.nodes("Split", [mixed], 3, axis=-1, num_outputs=3)
    query, key, value = (heads(g, part, v.heads, each) for part in parts)
    y = attention(g, query, key, value, scale=each**-0.5)
    return linear(g, y, f"{at}.projection", v.width, v.width)


def _attended(g: Graph, x: Value, source: Value, at: str, q: QFormer, source_width: int) -> Value:
    each = q.width // q.heads
    query = heads(g, linear(g, x, f"{at}.attention.query", q.width, q.width), q.heads, each)
    key = heads(g, linear(g, source, f"{at}.attention.key", source_width, q.width), q.heads, each)
    value = heads(g, linear(g, source, f"{at}.attention.value", source_width, q.width), q.heads, each)
    y = attention(g, query, key, value, scale=each**-0.5)
    y = linear(g, y, f"{at}.output.dense", q.width, q.width)
    return norm(g, g.node("Add", y, x), f"{at}.output.LayerNorm", q.width, q.norm_eps)
