"""Which operators have a choice, what there is to choose from, and the choice in a graph's metadata."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import onnx

from trt_anime.errors import InputError
from trt_anime.export.lowerings.grid_sample import gather_from_grid_sample
from trt_anime.stage import StageInfo

# What has a choice -> name of the form -> how a graph is brought to it from how it was exported.
LOWERINGS: dict[str, dict[str, Callable[[onnx.ModelProto], onnx.ModelProto] | None]] = {
    "deformable_attention": {"grid_sample": None, "gather": gather_from_grid_sample},
}


def with_lowerings(model: onnx.ModelProto, choices: Mapping[str, str]) -> onnx.ModelProto:
    """The stage graph in the chosen forms, such as ``{"deformable_attention": "gather"}``.

    The choices are added to those that its description of itself (`StageInfo.lowerings`) has already.
    Start from the graph as it was exported: a form is not taken back. `model` is left unchanged.

    Raises:
        InputError: no such choice, or the graph isn't a stage graph.
    """
    source = Path(model.graph.name)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    info = StageInfo.from_metadata(metadata, source=source)
    result = onnx.ModelProto()
    result.CopyFrom(model)
    for operator, form in choices.items():
        forms = LOWERINGS.get(operator, {})
        if form not in forms:
            known = ", ".join(f"{one}={other}" for one, others in LOWERINGS.items() for other in others)
            raise InputError(f"{source}: there is no lowering {operator}={form}; choose from {known}")
        lower = forms[form]
        result = lower(result) if lower else result
    info = dataclasses.replace(info, lowerings={**info.lowerings, **choices})
    onnx.helper.set_model_props(result, metadata | info.to_metadata())
    return result
