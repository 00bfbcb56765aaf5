"""A file as MI-GAN's is published: a program that crops and pastes, around a generator in ``/model/``."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.matte.pieces import session_of


def pipeline(side: int, *, exits: int = 1) -> onnx.ModelProto:
    """`image` uint8 [1,3,side,side] and `mask` uint8 [1,1,side,side] (255 is kept) -> `result`.

    The generator doubles a half-size map, as the real one does, with a factor that only constants make.
    """
    rng = np.random.default_rng(0)
    constants = {
        "half": np.float32(0.5),
        "one": np.float32(1),
        "middle": np.float32(127.5),
        "full": np.float32(255),
        "zero": np.float32(0),
        "model.kernel": rng.normal(0, 0.05, (4, 4, 31, 31)).astype(np.float32),
        "model.rgb": rng.normal(0, 0.2, (3, 4, 1, 1)).astype(np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    steps = [
        ("Cast", ["mask"], "mask.float", {"to": TensorProto.FLOAT}),
        ("Div", ["mask.float", "full"], "keep", {}),
        ("Cast", ["image"], "image.float", {"to": TensorProto.FLOAT}),
        ("Div", ["image.float", "middle"], "scaled", {}),
        ("Sub", ["scaled", "one"], "centred", {}),
        ("Mul", ["centred", "keep"], "visible", {}),
        ("Sub", ["keep", "half"], "mask.centred", {}),
        ("Concat", ["mask.centred", "visible"], "/Concat_output", {"axis": 1}),
        ("Identity", ["model.kernel"], "model.kernel.again", {}),
        (
            "Conv",
            ["/Concat_output", "model.kernel.again"],
            "/model/a",
            {"pads": [15] * 4, "strides": [2, 2]},
        ),
        ("LeakyRelu", ["/model/a"], "/model/b", {"alpha": 0.2}),
        ("Resize", ["/model/b", "", "scales"], "/model/c", {"mode": "nearest"}),
        ("Add", ["half", "half"], "/model/factor", {}),
        ("Mul", ["/model/c", "/model/factor"], "/model/d", {}),
        ("Conv", ["/model/d", "model.rgb"], "/model/e", {}),
        ("Mul", ["/model/e", "half"], "y.half", {}),
        ("Add", ["y.half", "half"], "y", {}),
        ("Mul", ["y", "full"], "y.full", {}),
        ("Clip", ["y.full", "zero", "full"], "painted", {}),
        ("Sub", ["one", "keep"], "hole", {}),
        ("Mul", ["painted", "hole"], "inside", {}),
        ("Mul", ["image.float", "keep"], "outside", {}),
        ("Add", ["inside", "outside"], "sum", {}),
        ("Cast", ["sum"], "result", {"to": TensorProto.UINT8}),
    ]
    if exits == 2:
        steps.append(("ReduceMax", ["/model/b"], "peak", {}))
    nodes = [
        helper.make_node(kind, inputs, [output], name=output, **attributes)  # type: ignore[arg-type]
        for kind, inputs, output, attributes in steps
    ]
    ends = {"image": 3, "mask": 1, "result": 3}
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.UINT8, [1, channels, side, side])
        for name, channels in ends.items()
    }
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    outputs = [values["result"]]
    if exits == 2:
        outputs.append(helper.make_tensor_value_info("peak", TensorProto.FLOAT, [1, 1, 1, 1]))
    graph = helper.make_graph(nodes, "main", [values["image"], values["mask"]], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def inside(
    network: onnx.ModelProto, picture: NDArray[np.uint8], keep: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """What a network that was cut out paints, [3,H,W] in 0..255; picture [3,H,W], keep [H,W]."""
    seen = keep.astype(np.float32)[None]
    visible = (picture.astype(np.float32) / 127.5 - 1) * seen
    image = np.concatenate([seen - 0.5, visible])[None]
    result = np.asarray(session_of(network).run(None, {"image": image})[0], np.float32)[0]
    return np.asarray(np.clip((result * 0.5 + 0.5) * 255, 0, 255), np.float32)
