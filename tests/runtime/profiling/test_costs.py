"""Operations of operators against sums done by hand, and parts against a real graph's profile."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.calibration.toys import bright_matte
from trt_anime.errors import EngineError
from trt_anime.runtime.operations import operations
from trt_anime.runtime.planning.counting import counted
from trt_anime.runtime.profiling.ceilings import Ceiling, ceilings
from trt_anime.runtime.profiling.layers import Layer, medians, part_of
from trt_anime.runtime.profiling.layers_onnxruntime import OnnxRuntimeTimer
from trt_anime.runtime.profiling.roofline import roofline

_FLOAT = TensorProto.FLOAT


@pytest.mark.parametrize(
    ("kind", "inputs", "outputs", "expected"),
    [
        ("Conv", [(1, 3, 8, 8), (16, 3, 3, 3), (16,)], [(1, 16, 8, 8)], 2 * 16 * 64 * 27),
        ("Conv", [(1, 16, 8, 8), (16, 1, 3, 3)], [(1, 16, 8, 8)], 2 * 16 * 64 * 9),  # depthwise
        ("QLinearConv", [(1, 3, 4, 4), (), (), (8, 3, 1, 1)], [(1, 8, 4, 4)], 2 * 8 * 16 * 3),
        ("ConvTranspose", [(1, 4, 5, 5), (4, 2, 2, 2)], [(1, 2, 10, 10)], 2 * 4 * 25 * 2 * 4),
        ("MatMul", [(5, 7), (7, 3)], [(5, 3)], 2 * 5 * 7 * 3),
        ("MatMul", [(2, 6, 5, 7), (2, 6, 7, 3)], [(2, 6, 5, 3)], 2 * 2 * 6 * 5 * 7 * 3),
        ("MatMul", [(7,), (7, 3)], [(3,)], 2 * 7 * 3),
        ("Gemm", [(7, 5), (3, 7), (3,)], [(5, 3)], 2 * 5 * 7 * 3),  # both transposed
        ("FusedMatMul", [(2, 7, 5), (2, 7, 5)], [(2, 5, 5)], 2 * 2 * 5 * 7 * 5),  # the first transposed
        ("MatMul", [(4, 5, 7), (7,)], [(4, 5)], 2 * 4 * 5 * 7),
        ("MatMul", [(5, 7)], [(5, 3)], None),  # its weights were packed
        ("QLinearConv", [(1, 3, 4, 4), (), ()], [(1, 8, 4, 4)], None),
        ("Attention", [(1, 4, 10, 8), (1, 4, 30, 8), (1, 4, 30, 8)], [(1, 4, 10, 8)], 4 * 4 * 10 * 30 * 8),
        ("Attention", [(1, 10, 8), (8, 24), (24,)], [(1, 10, 8)], 2 * 10 * 8 * 24 + 4 * 10 * 10 * 8),
        ("Add", [(4, 5), (5,)], [(4, 5)], 20),
        ("Concat", [(4, 5), (4, 5)], [(8, 5)], 0),
        ("Split", [(4, 4)], [(2, 4), (2, 4)], 0),
    ],
)
def test_operations(
    kind: str, inputs: list[tuple[int, ...]], outputs: list[tuple[int, ...]], expected: int | None
) -> None:
    assert operations(kind, inputs, outputs) == expected


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("pre/Resize_0", "pre"),
        ("net/Conv_3_nchwc", "net"),
        ("post/Cast_2", "post"),
        ("/post/inner/net/Mul", "post"),
        ("Reshape_token_44", "inserted"),
    ],
)
def test_parts(name: str, part: str) -> None:
    assert part_of(name) == part


def test_layers_of_a_real_graph(tmp_path: Path) -> None:
    graph = tmp_path / "toy.onnx"
    graph.write_bytes(bright_matte().SerializeToString())
    timer = OnnxRuntimeTimer(graph, threads=1, ran_on="CPUExecutionProvider")
    found = timer.layers({"frame": np.zeros((1, 64, 48, 3), np.uint8)})
    convolutions = [layer for layer in found if layer.kind == "Conv"]
    assert len(convolutions) == 5 and {layer.part for layer in convolutions} == {"net"}
    # The layers of 4 channels over 32 x 32: the same whatever the library made of them.
    most = max(layer.operations or 0 for layer in convolutions)
    assert most % (2 * 32 * 32 * 4 * 4) == 0
    # Each is fused with the activation behind it, the last one with one of another part.
    assert sorted(layer.name for layer in convolutions) == [f"net/Conv_{index}" for index in range(5)]
    assert all(layer.ms >= 0 and layer.bytes for layer in found)
    assert found[-1].outputs[0].endswith("1x64x48x4")


def saved(
    path: Path,
    nodes: list[onnx.NodeProto],
    values: Mapping[str, NDArray[Any]],
    *,
    x: list[int],
    y: list[int | str],
) -> Path:
    """A graph from `x` to `y`, float both."""
    ends = [helper.make_tensor_value_info(*end) for end in (("x", _FLOAT, x), ("y", _FLOAT, y))]
    held = [numpy_helper.from_array(value, name) for name, value in values.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "g", ends[:1], ends[1:], held),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )
    onnx.save(model, str(path))
    return path


def weighted(path: Path) -> Path:
    """Products whose weights ONNX Runtime packs: a transposed convolution, MatMul, Gemm, a plain one."""
    rng = np.random.default_rng(0)
    shapes = {"up": (16, 32, 2, 2), "mix": (32, 64), "fold": (48, 64), "over": (16, 16, 3, 3)}
    nodes = [
        helper.make_node("Conv", ["x", "over"], ["c"], "net/Conv_0", pads=[1, 1, 1, 1]),
        helper.make_node("ConvTranspose", ["c", "up"], ["u"], "net/ConvTranspose_0", strides=[2, 2]),
        helper.make_node("Transpose", ["u"], ["t"], "net/Transpose_0", perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["t", "mix"], ["m"], "net/MatMul_0"),
        helper.make_node("Reshape", ["m", "flat"], ["f"], "net/Reshape_0"),
        helper.make_node("Gemm", ["f", "fold"], ["y"], "post/Gemm_0", transB=1),
    ]
    values = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    flat = {"flat": np.array([-1, 64])}
    return saved(path, nodes, values | flat, x=[1, 16, 24, 32], y=["n", 48])


def test_weights_that_the_library_packs_are_counted(tmp_path: Path) -> None:
    graph, inputs = weighted(tmp_path / "g.onnx"), {"x": np.zeros((1, 16, 24, 32), np.float32)}
    found = OnnxRuntimeTimer(graph, threads=1, ran_on="CPUExecutionProvider").layers(inputs)
    layers = {layer.name: layer for layer in found}
    pixels = 48 * 64
    assert {name: one.operations for name, one in layers.items() if one.name[-2:] == "_0"} == {
        "net/Conv_0": 2 * 16 * 24 * 32 * 16 * 9,
        "net/ConvTranspose_0": 2 * 24 * 32 * 16 * 32 * 4,
        "net/Transpose_0": 0,
        "net/MatMul_0": 2 * pixels * 32 * 64,
        "net/Reshape_0": 0,
        "post/Gemm_0": 2 * pixels * 64 * 48,
    }
    assert layers["net/MatMul_0"].bytes == 4 * (pixels * (32 + 64) + 32 * 64)
    assert layers["post/Gemm_0"].inputs == (f"float {pixels}x64", "float 48x64")
    cost = counted(graph, inputs, model="m", graph="g")
    # Views and moves are none here, and some of a fraction of a percent there.
    assert sum(layer.operations or 0 for layer in found) == pytest.approx(cost.flops, rel=0.02)


def test_int8_products_are_counted(tmp_path: Path) -> None:
    scale, zero = np.array(0.1, np.float32), np.array(128, np.uint8)
    weight = np.ones((24, 16, 3, 3), np.int8)
    values: dict[str, NDArray[Any]] = {"scale": scale, "zero": zero, "weight": weight}
    values["none"] = np.array(0, np.int8)
    pair, own = ("scale", "zero"), ("weight", "scale", "none")
    nodes = [
        helper.make_node("QuantizeLinear", ["x", *pair], ["q"], "net/Quantize_0"),
        helper.make_node("QLinearConv", ["q", *pair, *own, *pair], ["c"], "net/Conv_0", pads=[1, 1, 1, 1]),
        helper.make_node("DequantizeLinear", ["c", *pair], ["y"], "net/Dequantize_0"),
    ]
    graph = saved(tmp_path / "g.onnx", nodes, values, x=[1, 16, 24, 32], y=[1, 24, 24, 32])
    inputs = {"x": np.zeros((1, 16, 24, 32), np.float32)}
    found = OnnxRuntimeTimer(graph, threads=1, ran_on="CPUExecutionProvider").layers(inputs)
    [product] = [layer for layer in found if layer.kind == "QLinearConv"]
    assert product.operations == 2 * 24 * 24 * 32 * 16 * 9


def test_a_graph_that_fails_says_so(tmp_path: Path) -> None:
    graph = tmp_path / "toy.onnx"
    graph.write_bytes(bright_matte().SerializeToString())
    with pytest.raises(EngineError, match=r"toy\.onnx: ONNX Runtime failed"):
        OnnxRuntimeTimer(graph, threads=1, ran_on="other").layers({"frame": np.zeros((1, 4), np.uint8)})


def layer(name: str, ms: float, operations: int, moved: int) -> Layer:
    return Layer(name, "Conv", part_of(name), ms, (), (), operations, moved)


def test_medians_leave_out_runs_with_other_layers() -> None:
    first, second, third = ([layer("net/a", ms, 1, 1)] for ms in (1.0, 3.0, 2.0))
    odd = [layer("net/b", 9.0, 1, 1)]
    assert [one.ms for one in medians([odd, first, second, third])] == [2.0]


def test_distance_from_the_roof() -> None:
    roofs = [
        Ceiling("copy", "bytes/s", 1e9, 1),
        Ceiling("matmul", "operations/s", 1e10, 1, "fp32"),
        Ceiling("matmul", "operations/s", 4e10, 1, "int8"),
        Ceiling("matmul", "operations/s", 9e10, 2, "fp32"),
    ]
    layers = {
        "2a": [layer("net/a", 10.0, 50_000_000, 1_000_000), layer("post/b", 5.0, 1_000_000, 4_000_000)],
    }
    points = {point["name"]: point for point in roofline(layers, roofs, 1)["points"]}
    assert points["2a net"]["reached"] == pytest.approx(0.5)  # 5e9 of 1e10: the compute roof
    assert points["2a post"]["reached"] == pytest.approx(0.8)  # 0.2e9 of 0.25e9: the memory roof
    assert points["stage 2a"]["rate"] == pytest.approx(51e6 / 0.015, rel=1e-6)


def test_int8_products_are_held_against_their_own_roof() -> None:
    def product(name: str, *inputs: str) -> Layer:
        return Layer(f"net/{name}", "QLinearConv", "net", 1.0, inputs, (), 10_000_000, 100_000)

    roofs = [
        Ceiling("copy", "bytes/s", 1e12, 1),
        Ceiling("matmul", "operations/s", 2e10, 1, "fp32"),
        Ceiling("matmul", "operations/s", 8e10, 1, "int8"),
    ]
    quantized = product("whole", "uint8 1x8x8x8", "float", "uint8", "int8 8x8x3x3")
    plain = replace(product("plain", "float 1x8x8x8", "float 8x8x3x3"), kind="Conv")
    moved = replace(product("moved", "uint8 1x8x8x8"), kind="DequantizeLinear")
    points = {
        point["name"]: point for point in roofline({"2a": [quantized, plain, moved]}, roofs, 1)["points"]
    }
    reached = {name: point["reached"] for name, point in points.items()}
    assert reached["net/whole"] == pytest.approx(1e10 / 8e10)
    assert reached["net/plain"] == reached["net/moved"] == pytest.approx(1e10 / 2e10)
    # A third at the one rate, two thirds at the other.
    assert reached["stage 2a"] == pytest.approx((1 / 8 + 2 / 2) / 3, rel=1e-3)
    assert points["net/whole"]["precision"] == "int8" and points["stage 2a"]["precision"] == "fp32"


def test_ceilings_are_rates_that_a_machine_can_have() -> None:
    found = ceilings(1, np.zeros((64, 64, 4), np.uint8))
    assert [(one.name, one.precision) for one in found] == [
        ("copy", ""),
        ("png", ""),
        ("matmul", "fp32"),
        ("matmul", "int8"),
        ("conv", "fp32"),
    ]
    limits = {"copy": (1e8, 1e12), "png": (100, 1e7), "matmul": (1e8, 1e14), "conv": (1e8, 1e14)}
    for one in found:
        low, high = limits[one.name]
        assert low < one.rate < high, one
