"""Small transformers with random weights, exported as the real ones are, in FP16 between their casts."""

import contextlib
import io
import logging
import warnings
from typing import Any

import onnx
import torch
from transformers import (
    Blip2QFormerConfig,
    Blip2QFormerModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    SwinConfig,
    SwinModel,
)

from trt_anime.calibration.fp16 import fp16_from_fp32

LAYERS = 3
_VISION: dict[str, Any] = {
    "hidden_size": 64,
    "num_attention_heads": 2,
    "num_hidden_layers": LAYERS,
    "image_size": 32,
}


class _Features(torch.nn.Module):
    """The network's last features alone."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.network(tensor).last_hidden_state
        return result


class _QFormer(torch.nn.Module):
    """Queries that look at an image's features."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network
        self.queries = torch.nn.Parameter(torch.randn(1, 4, 64))

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        queries = self.queries.expand(tensor.shape[0], -1, -1)
        result: torch.Tensor = self.network(queries, encoder_hidden_states=tensor).last_hidden_state
        return result


def clip() -> onnx.ModelProto:
    config = CLIPVisionConfig(**_VISION, intermediate_size=64, patch_size=8)
    return _exported(_Features(_eager(CLIPVisionModel, config)), torch.randn(2, 3, 32, 32))


def dinov2() -> onnx.ModelProto:
    config = Dinov2Config(**_VISION, mlp_ratio=2, patch_size=8)
    return _exported(_Features(_eager(Dinov2Model, config)), torch.randn(2, 3, 32, 32))


def swin() -> onnx.ModelProto:
    """Two stages of two layers: relative position bias, and a mask in each second layer."""
    config = SwinConfig(
        image_size=32, patch_size=2, embed_dim=32, depths=[2, 2], num_heads=[1, 2], window_size=4
    )
    return _exported(_Features(_eager(SwinModel, config)), torch.randn(2, 3, 32, 32))


def qformer() -> onnx.ModelProto:
    """Two layers of attention to itself, one of them with attention to the picture."""
    config = Blip2QFormerConfig(
        hidden_size=64,
        num_attention_heads=2,
        num_hidden_layers=2,
        intermediate_size=64,
        cross_attention_frequency=2,
        encoder_hidden_size=64,
    )
    return _exported(_QFormer(_eager(Blip2QFormerModel, config)), torch.randn(2, 16, 64))


def _eager(kind: Any, config: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    config._attn_implementation = "eager"
    network: torch.nn.Module = kind(config)
    return network


def _exported(network: torch.nn.Module, example: torch.Tensor) -> onnx.ModelProto:
    """One input ``tensor``, one output ``features``; FP16 inside, FP32 outside, batch free."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            opset_version=20,
            input_names=["tensor"],
            output_names=["features"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        node.name = f"net/{node.name}"
    return fp16_from_fp32(model)
