"""Operations and bytes are those that one counts by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from trt_anime.errors import EngineError
from trt_anime.runtime.planning.costs import Cost, Work, costs_from_lines, find, lines_of
from trt_anime.runtime.planning.counting import Operator, counted, example_inputs, flops_of, works_of
from trt_anime.stage import StageInfo

F = "float"


@pytest.mark.parametrize(
    ("kind", "inputs", "output", "flops"),
    [
        ("Conv", [(1, 16, 20, 30), (32, 16, 3, 3)], (1, 32, 20, 30), 2 * 32 * 600 * 16 * 9),
        ("Conv", [(1, 16, 20, 30), (16, 1, 3, 3)], (1, 16, 20, 30), 2 * 16 * 600 * 9),
        ("ConvTranspose", [(1, 8, 10, 10), (8, 4, 2, 2)], (1, 4, 20, 20), 2 * 8 * 100 * 4 * 4),
        ("MatMul", [(2, 50, 64), (64, 96)], (2, 50, 96), 2 * 2 * 50 * 64 * 96),
        ("Gemm", [(50, 64), (96, 64), (96,)], (50, 96), 2 * 50 * 64 * 96),
        ("Gemm", [(64, 50), (64, 96)], (50, 96), 2 * 50 * 64 * 96),
        (
            "Attention",
            [(1, 4, 10, 8), (1, 4, 30, 8), (1, 4, 30, 8)],
            (1, 4, 10, 8),
            2 * 2 * 4 * 10 * 30 * 8,
        ),
        ("Relu", [(3, 5)], (3, 5), 15),
    ],
)
def test_operations_of_an_operator(
    kind: str, inputs: list[tuple[int, ...]], output: tuple[int, ...], flops: int
) -> None:
    assert flops_of(Operator(kind, [(F, shape) for shape in inputs], [(F, output)])) == flops


def test_bytes_go_by_the_element_and_a_slice_reads_what_it_takes() -> None:
    wide = Operator("Cast", [("uint8", (100,))], [(F, (100,))])
    cut = Operator("Slice", [(F, (1000,)), ("int64", (1,))], [(F, (10,))])
    assert (wide.size_bytes, cut.size_bytes) == (500, 88)


def test_sizes_and_views_are_not_work() -> None:
    operators = [
        Operator("Add", [("int64", (1,))], [("int64", (1,))]),
        Operator("Reshape", [(F, (1000, 1000))], [(F, (1000000,))]),
    ]
    assert works_of(operators) == []


def graph_at(path: Path) -> Path:
    """A convolution of 3 to 8 channels on half the frame, and a ReLU."""
    weight = np.ones((8, 3, 3, 3), np.float32)
    nodes = [
        helper.make_node("Cast", ["frame"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["wide"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Resize", ["planes", "", "scales"], ["small"], mode="nearest"),
        helper.make_node("Conv", ["small", "weight"], ["mixed"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["mixed"], ["out"]),
    ]
    frame = helper.make_tensor_value_info("frame", TensorProto.UINT8, ["batch", "height", "width", 3])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", 8, "h", "w"])
    values = [
        numpy_helper.from_array(weight, "weight"),
        numpy_helper.from_array(np.array([1, 1, 0.5, 0.5], np.float32), "scales"),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "g", [frame], [out], values),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )
    onnx.save(model, str(path))
    return path


def test_a_graph_is_counted_at_the_sizes_that_it_computes_itself(tmp_path: Path) -> None:
    path = graph_at(tmp_path / "g.onnx")
    inputs = example_inputs(path, size=(64, 128), lengths={})
    cost = counted(path, inputs, model="m", graph="g")
    work = {each.kind: each for each in cost.works}
    half = 32 * 64
    assert work["math"].flops == 2 * 8 * half * 27
    assert work["math"].size_bytes == 4 * (3 * half + 8 * half + 8 * 27)
    assert work["fused"].count == 2  # the cast and the ReLU
    assert work["moved"].count == 2
    assert (cost.height, cost.weights_bytes) == (64, 4 * (8 * 27 + 4))
    assert cost.peak_bytes >= 4 * 8 * half


def test_a_free_dimension_is_as_long_as_an_engine_has_it_unless_it_is_told(tmp_path: Path) -> None:
    model = onnx.load(graph_at(tmp_path / "g.onnx"))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "cells"
    info = StageInfo("read", "m", "0" * 64, "MIT", "none", {}, capacity={"cells": 5})
    onnx.helper.set_model_props(model, info.to_metadata())
    onnx.save(model, tmp_path / "g.onnx")
    for lengths, expected in (({}, 5), ({"cells": 2}, 2)):
        inputs = example_inputs(tmp_path / "g.onnx", size=(8, 8), lengths=lengths)
        assert inputs["frame"].shape == (expected, 8, 8, 3)


def product_at(path: Path, *, beside: bool) -> Path:
    """A product of 8x64 numbers with 64x512 weights: in FP32, or beside the graph, in FP16."""
    kind = np.float16 if beside else np.float32
    weight = numpy_helper.from_array(np.ones((64, 512), kind), "weight")
    nodes = [helper.make_node("MatMul", ["given", "wide" if beside else "weight"], ["out"])]
    if beside:
        nodes.insert(0, helper.make_node("Cast", ["weight"], ["wide"], to=TensorProto.FLOAT))
    given = helper.make_tensor_value_info("given", TensorProto.FLOAT, [8, 64])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [8, 512])
    model = helper.make_model(
        helper.make_graph(nodes, "g", [given], [out], [weight]),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )
    onnx.save(model, str(path), save_as_external_data=beside, location=f"{path.stem}.weights")
    return path


def test_weights_beside_a_graph_count_as_if_they_were_in_it_in_fp32(tmp_path: Path) -> None:
    both = [product_at(tmp_path / f"{beside}.onnx", beside=beside) for beside in (False, True)]
    assert both[1].with_suffix(".weights").stat().st_size >= 2 * 64 * 512
    within, beside = (
        counted(path, example_inputs(path, size=(1, 1)), model="m", graph="g") for path in both
    )
    assert beside.works == within.works and beside.weights_bytes == within.weights_bytes == 4 * 64 * 512
    assert beside.peak_bytes == pytest.approx(within.peak_bytes, abs=4096), "no weight is held twice"


def test_a_graph_that_refuses_is_named(tmp_path: Path) -> None:
    path = graph_at(tmp_path / "g.onnx")
    wrong: dict[str, Any] = {"frame": np.zeros((1, 8, 8, 4), np.uint8)}
    with pytest.raises(EngineError, match=r"g\.onnx: can't be counted"):
        counted(path, wrong, model="m", graph="g")


def test_costs_come_back_from_their_lines() -> None:
    cost = Cost("m", "g", 720, (Work("math", 3, 2e9, 5e6), Work("moved", 1, 1e6, 4e6)), 7e6, 9e6)
    sized = replace(cost, network=(320, 640))
    assert costs_from_lines(["", *lines_of([cost])]) == [cost]
    assert costs_from_lines(lines_of([sized])) == [sized]


def test_heights_come_in_order() -> None:
    costs = [Cost("m", "g", height, (), 0, 0) for height in (1080, 720)]
    assert [cost.height for cost in find(costs, "m", "g")] == [720, 1080]
