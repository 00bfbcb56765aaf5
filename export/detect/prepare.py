"""Before the network: a frame becomes the canvas that the network sees, and tables that describe it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
import spox.opset.ai.onnx.v20 as op
from spox import Tensor, Var, argument, build

from trt_anime.export.detect.levels import tables
from trt_anime.export.geometry import extent, integers, padded, scalar, shrunk
from trt_anime.export.recipes.detect import Detection

if TYPE_CHECKING:
    from transformers import GroundingDinoConfig


@dataclass(frozen=True)
class Widths:
    """Sizes that come from the network's configuration.

    Attributes:
        levels: feature maps.
        features: channels of a cell, D.
        temperature: of the sines that tell a cell's place.
        queries: boxes that the network gives.
    """

    levels: int
    features: int
    temperature: float
    queries: int

    @classmethod
    def of(cls, config: "GroundingDinoConfig") -> "Widths":
        return cls(
            levels=config.num_feature_levels,
            features=config.d_model,
            temperature=config.positional_embedding_temperature,
            queries=config.num_queries,
        )


def prepare_graph(rule: Detection, widths: Widths) -> onnx.ModelProto:
    """The graph before the network.

    In: ``frame`` uint8 [B,H,W,3] RGB; of the prompt, ``features`` float32 [1,T,D], ``positions`` float32
    [1,T,D], ``blocks`` uint8 [1,T,T], ``valid`` uint8 [1,T]. Out: ``image`` float32 [B,3,h,w], the canvas;
    the `levels.Tables` by their names; the prompt's four as ``text_...``, float32; ``extent`` float32 [4],
    width, height, width and height of what a box of 0..1 is a share of, in pixels of the frame.
    """
    context, width = rule.context, widths.features
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    features, positions = (argument(Tensor(np.float32, (1, context, width))) for _ in range(2))
    blocks = argument(Tensor(np.uint8, (1, context, context)))
    valid = argument(Tensor(np.uint8, (1, context)))
    picture = padded(op.cast(frame, to=np.float32))
    content = _content(picture, rule)
    described = tables(
        content,
        rule.canvas,
        levels=widths.levels,
        features=widths.features,
        temperature=widths.temperature,
    )
    height, width_ = (op.cast(extent(picture, axis), to=np.float32) for axis in (1, 2))
    return build(
        {"frame": frame, "features": features, "positions": positions, "blocks": blocks, "valid": valid},
        {
            "image": _canvas(shrunk(picture, *content), content, rule),
            **vars(described),
            "text_features": op.identity(features),
            "text_positions": op.identity(positions),
            "text_blocks": op.cast(blocks, to=np.float32),
            "text_valid": op.cast(valid, to=np.float32),
            "extent": op.concat([width_, height, width_, height], axis=0),
        },
    )


def _content(picture: Var, rule: Detection) -> tuple[Var, Var]:
    """(height, width) int64 [1] that the picture has on the canvas; whole numbers throughout."""
    height, width = extent(picture, 1), extent(picture, 2)
    most_height, most_width = (integers(length) for length in rule.canvas)
    wide = op.less_or_equal(op.mul(height, most_width), op.mul(width, most_height))

    def scaled(length: Var, target: Var, source: Var) -> Var:
        half = op.div(source, integers(2))
        return op.max([op.div(op.add(op.mul(length, target), half), source), integers(1)])

    return (
        op.where(wide, scaled(height, most_width, width), most_height),
        op.where(wide, most_width, scaled(width, most_height, height)),
    )


def _canvas(planes: Var, content: tuple[Var, Var], rule: Detection) -> Var:
    """Planes [B,3,h',w'] of 0..255, normalised and padded with zeros at the bottom and right."""
    scaled = op.mul(planes, _per_channel([1 / (255 * std) for std in rule.std]))
    pairs = zip(rule.mean, rule.std, strict=True)
    normalised = op.sub(scaled, _per_channel([mean / std for mean, std in pairs]))
    missing = [op.sub(integers(most), length) for most, length in zip(rule.canvas, content, strict=True)]
    pads = op.concat([integers(0, 0, 0, 0, 0, 0), *missing], axis=0)
    padded_ = op.pad(normalised, pads, scalar(0))
    return op.reshape(padded_, integers(0, 3, *rule.canvas))  # says the size, which follows from the sum


def _per_channel(values: list[float]) -> Var:
    return op.const(np.array(values, np.float32).reshape(1, 3, 1, 1))
