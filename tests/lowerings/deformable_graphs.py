"""Two real networks with deformable attention, small, with random weights, as torch writes them."""

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
from transformers import GroundingDinoConfig
from transformers.models.grounding_dino.modeling_grounding_dino import (
    GroundingDinoMultiscaleDeformableAttention,
)

from tests.segment.pieces import exported
from tests.segment.pieces import network as segment_network

Arrays = dict[str, NDArray[np.float32]]
LEVELS = [(8, 12), (4, 6), (2, 3)]


@dataclass(frozen=True)
class Exported:
    """A graph with GridSample, an input for it, and what PyTorch makes of that."""

    model: onnx.ModelProto
    inputs: Arrays
    expected: Arrays


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
    """The whole network: ``image`` [batch,3,64,128] -> ``class_logits`` and ``mask_logits``."""
    torch.manual_seed(0)
    image = torch.randn(2, 3, 64, 128)
    classes, masks = segment_network()(image)
    return Exported(
        model=_named(exported()),
        inputs={"image": image.numpy()},
        expected={"class_logits": classes.numpy(), "mask_logits": masks.numpy()},
    )


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
    return Exported(
        model=_named(program.model_proto),
        inputs={name: tensor.numpy() for name, tensor in given.items()},
        expected={name: value.numpy() for name, value in zip(outputs, values, strict=True)},
    )


def _named(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose nodes are a network's."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        node.name = f"net/{node.name}"
    return copy
