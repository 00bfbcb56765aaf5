"""AOT's graphs for the rollouts. Making them takes most of the tests' time."""

import gc
import json
from functools import cache, lru_cache

import onnx

from tests.networks.aot.weights import network
from tests.parity.clips import Clip, clip
from trt_anime.export.temporal.aot_onnx import aot_graphs
from trt_anime.export.temporal.aot_shape import AotShape

ROLLOUTS = ("A_default", "B_gap2", "C_two_engines", "D_new_object")
SLOTS = 6
LAYERS = ("refer", "propagate", "decode", "memorise", "merge")
SIZELESS = {"Cast", "Transpose", "Sub", "Div", "Conv", "Clip", "Add", "Relu", "MaxPool"}

Set = dict[str, bytes]  # one rollout's graphs


def rollout(model: str, name: str) -> Clip:
    return clip(model, f"rollout_{name}")


def shape_of(found: Clip) -> AotShape:
    height, width = found.frames.shape[2:]
    config = json.loads(found.arrays["config_json"].item())
    objects = config["max_aot_obj_num"] or 10
    passes = -(-config["num_objects"] // objects)
    return AotShape(height=height, width=width, slots=SLOTS, objects=objects, passes=passes)


@lru_cache(maxsize=4)  # a rollout's tests follow one another, and a set in full size has 100 MB
def graphs_of(model: str, name: str) -> Set:
    """One rollout's graphs. The encoder's is made once a model: it holds no size, which is checked."""
    gc.disable()  # or it takes a sixth of the time
    try:
        graphs = _made(model, shape_of(rollout(model, name)), LAYERS)
        return {"encode": _encoder(model), **graphs}
    finally:
        gc.enable()


def _made(model: str, shape: AotShape, only: tuple[str, ...]) -> Set:
    graphs = aot_graphs(
        network(model), shape, model=model, checkpoint_sha256="0" * 64, licence="BSD-3-Clause", only=only
    )
    return {step: graph.SerializeToString() for step, graph in graphs.items()}


@cache
def _encoder(model: str) -> bytes:
    shape = shape_of(rollout(model, "C_two_engines"))  # the smallest
    return _of_any_size(onnx.load_from_string(_made(model, shape, ("encode",))["encode"]))


def _of_any_size(graph: onnx.ModelProto) -> bytes:
    assert {node.op_type for node in graph.graph.node} <= SIZELESS
    free = onnx.ModelProto()
    free.CopyFrom(graph)
    for value in free.graph.input:
        for dimension in value.type.tensor_type.shape.dim[1:3]:
            dimension.dim_param = ""
    for value in free.graph.output:
        for dimension in value.type.tensor_type.shape.dim[2:4]:
            dimension.dim_param = ""
    return bytes(free.SerializeToString())
