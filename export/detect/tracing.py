"""Both halves of the network as ONNX."""

from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import onnx_ir as ir
import torch
from onnx import TensorProto
from onnx_ir.passes import common as passes
from onnxscript import opset20
from onnxscript.optimizer import fold_constants
from torch import Tensor, nn
from transformers import GroundingDinoForObjectDetection

from trt_anime.export.detect.coordinates import mark_coordinates
from trt_anime.export.detect.levels import level_sizes
from trt_anime.export.detect.text import PromptNetwork
from trt_anime.export.detect.vision import INPUTS, DetectNetwork
from trt_anime.export.parts import OPSET
from trt_anime.export.recipes.detect import Detection
from trt_anime.export.tracing import BATCH, exporting, model_of


def onnx_from_text(network: GroundingDinoForObjectDetection, rule: Detection, name: str) -> onnx.ModelProto:
    """``ids`` and ``order`` int64 [1,T], ``mask`` float32 [1,1,T,T] -> ``text`` float32 [1,T,D]."""
    examples = {
        "ids": torch.ones(1, rule.context, dtype=torch.int64),
        "order": torch.zeros(1, rule.context, dtype=torch.int64),
        "mask": torch.zeros(1, 1, rule.context, rule.context),
    }
    return _exported(PromptNetwork(network), examples, ["text"], name)


def onnx_from_vision(
    network: GroundingDinoForObjectDetection, rule: Detection, name: str
) -> onnx.ModelProto:
    """Inputs of `DetectNetwork` -> ``shares`` float32 [B,Q,4] and ``logits`` float32 [B,Q,T], B free."""
    config, tokens = network.config, rule.context
    levels, width = config.num_feature_levels, config.d_model
    cells = sum(height * width_ for height, width_ in level_sizes(rule.canvas, levels))
    shapes = (
        (2, 3, *rule.canvas),
        (1, cells),
        (1, cells, width),
        (1, levels, 2),
        (1, cells, levels, 2),
        (1, cells, 4),
        (1, cells),
        (1, tokens, width),
        (1, tokens, width),
        (1, tokens, tokens),
        (1, tokens),
    )
    examples = {name: torch.zeros(shape) for name, shape in zip(INPUTS, shapes, strict=True)}
    free = {"image": {0: BATCH}}
    model = _exported(
        DetectNetwork(network, rule.canvas), examples, ["shares", "logits"], name, dynamic=free
    )
    mark_coordinates(model)
    return model


def _exported(
    module: nn.Module,
    examples: Mapping[str, Tensor],
    outputs: Sequence[str],
    name: str,
    *,
    dynamic: Mapping[str, Mapping[int, Any]] | None = None,
) -> onnx.ModelProto:
    """torch's export of a module with several inputs. Raises ExportError."""
    free = {given: dict(axes) for given, axes in (dynamic or {}).items()}
    with exporting(name), torch.no_grad():
        # Apart from torch.onnx.export, which would quietly fix a batch that can't be free.
        traced = torch.export.export(
            module.eval(),
            tuple(examples.values()),
            dynamic_shapes=tuple(free.get(given) for given in examples),
            strict=False,
        )
        program = torch.onnx.export(
            traced,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(examples),
            output_names=list(outputs),
            custom_translation_table={torch.ops.aten._is_all_true.default: _is_all_true},
            verbose=False,
            optimize=False,
        )
    assert program is not None
    _tidy(program.model)
    return model_of(program)


def _tidy(model: ir.Model) -> None:
    """What the exporter's own optimizer does, without its search for patterns: half of the time."""
    fold_constants(model)
    passes.RemoveUnusedNodesPass()(model)
    passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    passes.DeduplicateInitializersPass()(model)
    passes.CommonSubexpressionEliminationPass()(model)
    passes.NameFixPass()(model)


def _is_all_true(values: Any) -> Any:
    """The one operator that torch's exporter lacks; it is in an assertion of the deformable attention."""
    operators: Any = opset20
    least = operators.ReduceMin(operators.Cast(values, to=TensorProto.INT32), keepdims=0)
    return operators.Cast(least, to=TensorProto.BOOL)
