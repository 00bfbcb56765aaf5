"""Deformable attention of two real networks, small, with random weights, as torch's exporter writes it."""

import contextlib
import io
import logging
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from onnxscript import opset20
from transformers import GroundingDinoConfig, Mask2FormerConfig
from transformers.models.grounding_dino.modeling_grounding_dino import (
    GroundingDinoMultiscaleDeformableAttention,
)
from transformers.models.mask2former.modeling_mask2former import Mask2FormerPixelDecoder

Arrays = dict[str, NDArray[np.float32]]
LEVELS = [(8, 12), (4, 6), (2, 3)]
CHANNELS = [16, 32, 64, 128]


@dataclass(frozen=True)
class Exported:
    """A graph with GridSample, an input for it, and what PyTorch makes of that."""

    model: onnx.ModelProto
    inputs: Arrays
    expected: Arrays


class _Mask2Former(torch.nn.Module):
    """The pixel decoder: two layers of deformable attention on three levels, then the fourth joins."""

    def __init__(self) -> None:
        super().__init__()
        layer: Any
        config = Mask2FormerConfig(
            feature_size=64,
            mask_feature_size=64,
            hidden_dim=64,
            encoder_layers=2,
            encoder_feedforward_dim=64,
            num_attention_heads=2,
        )
        self.decoder = Mask2FormerPixelDecoder(config, CHANNELS)
        torch.nn.init.normal_(self.decoder.level_embed)
        for layer in self.decoder.encoder.layers:
            torch.nn.init.normal_(layer.self_attn.sampling_offsets.weight, std=0.5)

    def forward(
        self, stage1: torch.Tensor, stage2: torch.Tensor, stage3: torch.Tensor, stage4: torch.Tensor
    ) -> torch.Tensor:
        found = self.decoder([stage1, stage2, stage3, stage4], output_hidden_states=False, return_dict=True)
        result: torch.Tensor = found.mask_features
        return result


class _GroundingDino(torch.nn.Module):
    """One layer's attention, of queries with a box each, on three levels."""

    def __init__(self) -> None:
        super().__init__()
        config = GroundingDinoConfig(d_model=64, num_feature_levels=len(LEVELS))
        self.attention = GroundingDinoMultiscaleDeformableAttention(config, num_heads=4, n_points=4)
        torch.nn.init.normal_(self.attention.sampling_offsets.weight, std=0.5)  # or all look at one place
        self.register_buffer("shapes", torch.tensor(LEVELS))

    def forward(self, queries: torch.Tensor, features: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.attention(
            queries,
            encoder_hidden_states=features,
            reference_points=boxes[:, :, None].expand(-1, -1, len(LEVELS), -1),
            spatial_shapes=self.shapes,
            spatial_shapes_list=LEVELS,
        )[0]
        return result


def mask2former() -> Exported:
    """``stage1`` [batch,16,16,24] to ``stage4`` [batch,128,2,3] -> ``masks`` [batch,64,16,24]."""
    torch.manual_seed(0)
    sizes = [(16, 24), *LEVELS]
    given = {
        f"stage{number}": torch.randn(2, channels, *size)
        for number, (channels, size) in enumerate(zip(CHANNELS, sizes, strict=True), 1)
    }
    return _exported(_Mask2Former(), given, ["masks"])


def grounding_dino() -> Exported:
    """``queries`` [batch,7,64], ``features`` [batch,126,64], ``boxes`` [batch,7,4] -> ``attended``."""
    torch.manual_seed(0)
    count = sum(height * width for height, width in LEVELS)
    given = {
        "queries": torch.randn(2, 7, 64),
        "features": torch.randn(2, count, 64),
        "boxes": torch.rand(2, 7, 4),
    }
    return _exported(_GroundingDino(), given, ["attended"])


def _is_all_true(values: Any) -> Any:
    """The one operator of GroundingDINO that torch's exporter lacks; it is in an assertion."""
    operators: Any = opset20
    least = operators.ReduceMin(operators.Cast(values, to=TensorProto.INT32), keepdims=0)
    return operators.Cast(least, to=TensorProto.BOOL)


def _exported(network: torch.nn.Module, given: dict[str, torch.Tensor], outputs: list[str]) -> Exported:
    network.eval()
    with torch.no_grad():
        found = network(*given.values())
    values = found if isinstance(found, tuple) else (found,)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        batch = torch.export.Dim("batch", min=1, max=64)
        program = torch.onnx.export(
            network,
            tuple(given.values()),
            dynamo=True,
            opset_version=20,
            input_names=list(given),
            output_names=outputs,
            dynamic_shapes=tuple({0: batch} for _ in given),
            custom_translation_table={torch.ops.aten._is_all_true.default: _is_all_true},
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for node in model.graph.node:
        node.name = f"net/{node.name}"
    return Exported(
        model=model,
        inputs={name: tensor.numpy() for name, tensor in given.items()},
        expected={name: value.numpy() for name, value in zip(outputs, values, strict=True)},
    )
