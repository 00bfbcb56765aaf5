"""Shares counted by hand."""

import onnx
import pytest
from onnx import TensorProto, helper

from tests.calibration.small import examples, network, node, pictures, tokens
from trt_anime.calibration.fp16 import fp16_from_fp32
from trt_anime.calibration.qdq import Form, fp8_from_fp32, int8_from_fp32, values_to_calibrate
from trt_anime.calibration.ranges import Range, value_ranges
from trt_anime.calibration.shares import precision_share

# Twelve nodes of pictures compute, four of them are products that Q/DQ may feed.
PRODUCTS, NODES = 4, 12


def ranges(form: Form) -> dict[str, Range]:
    model = pictures()
    return value_ranges(model, values_to_calibrate(model, form=form), examples(model))["minmax"]


def test_one_precision() -> None:
    assert precision_share(pictures()) == {"float32": 1.0}
    assert precision_share(fp16_from_fp32(pictures())) == {"float16": 1.0}


def test_islands_count_as_single() -> None:
    typed = fp16_from_fp32(pictures(), islands=["net/deep", "net/y", "net/larger"])
    assert precision_share(typed) == {"float16": 0.75, "float32": 0.25}


def test_casts_constants_and_whole_numbers_do_not_count() -> None:
    model = network(
        node("Cast", "x", "half", to=TensorProto.FLOAT16),
        node("Abs", "half", "positive"),
        node("Cast", "positive", "double", to=TensorProto.DOUBLE),
        node("Neg", "double", "negative"),
        node("Cast", "negative", "single", to=TensorProto.FLOAT),
        node("Shape", "x", "shape"),
        node("Concat", "shape", "same", axis=0),
        node("Reshape", "single same", "y"),
        weights={},
        x=["batch", 4],
        y=["batch", 4],
    )
    value = helper.make_tensor("value", TensorProto.FLOAT, [1], [1.0])
    model.graph.node.insert(0, node("Constant", "", "unused", value=value))
    assert precision_share(model) == {"float16": 0.3333, "float32": 0.3333, "float64": 0.3333}


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_products_that_read_integers(kept: int) -> None:
    names = ["net/stem", "net/deep", "net/thin", "net/join"][:kept]
    model = int8_from_fp32(pictures(), ranges("tensorrt"), form="tensorrt", kept=names)
    integers = round((PRODUCTS - kept) / NODES, 4)
    expected = {"float16": round(1 - integers, 4), "int8": integers}
    assert precision_share(fp16_from_fp32(model)) == {
        name: share for name, share in expected.items() if share
    }


def test_products_that_read_fp8() -> None:
    model = fp16_from_fp32(fp8_from_fp32(pictures(), ranges("tensorrt"), kept=["net/deep"]))
    assert precision_share(model) == {"float16": 0.75, "float8": 0.25}


def test_sums_of_integers_count_too() -> None:
    """For CPUs: four products, Add and Concat; two Relus have gone into the convolutions before them."""
    model = int8_from_fp32(pictures(), ranges("cpu"), form="cpu", kept=())
    assert precision_share(model) == {"float32": 0.4, "int8": 0.6}


def test_nothing_to_count() -> None:
    graph = helper.make_graph([], "empty", [], [])
    assert precision_share(helper.make_model(graph)) == {}


def test_types_that_cannot_be_inferred_are_left_out() -> None:
    model = tokens()
    model.opset_import.add(domain="com.example", version=1)
    model.graph.node[0].domain, model.graph.node[0].op_type = "com.example", "Unknown"
    model.graph.ClearField("value_info")
    assert isinstance(model, onnx.ModelProto)
    assert precision_share(model) == {"float32": 1.0}
