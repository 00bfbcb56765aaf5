"""Convolutions by Winograd's method: as a direct sum, but for rounding, and only where they gain by it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tests.runtime.media import INFO
from tests.runtime.sessions.graphs import Bench
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.profiling.layers_onnxruntime import OnnxRuntimeTimer
from trt_anime.runtime.sessions import ort, ort_cpu
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession
from trt_anime.runtime.winograd import LEAST_CHANNELS, with_winograd

CHANNELS = 128
RANDOM = np.random.default_rng(4)
# Between sums of 9 * 128 products near 1 that are added up in another order, by other numbers.
ROUNDING = 2e-4


def kernel(outputs: int = CHANNELS, inputs: int = CHANNELS, side: int = 3) -> NDArray[np.float32]:
    """Of a convolution whose results have a standard deviation of 1 where its values have."""
    values = RANDOM.standard_normal((outputs, inputs, side, side)) / np.sqrt(inputs * side**2)
    result: NDArray[np.float32] = values.astype(np.float32)
    return result


def maps(*shape: int) -> NDArray[np.float32]:
    values: NDArray[np.float32] = RANDOM.standard_normal(shape).astype(np.float32)
    return values


def graph(
    weights: NDArray[Any],
    *,
    bias: NDArray[np.float32] | None = None,
    opset: int = 20,
    inputs: int = CHANNELS,
    **attributes: Any,
) -> onnx.ModelProto:
    """One convolution of ``x`` [N,C,H,W], all free but the channels."""
    about = [numpy_helper.from_array(weights, "kernel")]
    about += [] if bias is None else [numpy_helper.from_array(bias, "bias")]
    names = ["x", *(tensor.name for tensor in about)]
    kind = helper.np_dtype_to_tensor_dtype(weights.dtype)
    return helper.make_model(
        helper.make_graph(
            [helper.make_node("Conv", names, ["y"], name="net/conv", **attributes)],
            "convolution",
            [helper.make_tensor_value_info("x", kind, ["n", inputs, "h", "w"])],
            [helper.make_tensor_value_info("y", kind, None)],
            about,
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=10,
    )


def run(model: onnx.ModelProto, x: NDArray[Any], given: dict[str, NDArray[Any]] | None = None) -> Any:
    """``y`` by ONNX Runtime, with weights that the graph has no values of."""
    options = onnxruntime.SessionOptions()
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(each) for each in (given or {}).values()]
    options.add_external_initializers(list(given or {}), values)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    [y] = session.run(None, {"x": x})
    return y


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize(
    "shape",
    [(1, CHANNELS, 8, 12), (1, CHANNELS, 9, 7), (3, CHANNELS, 6, 10), (2, CHANNELS, 3, 3)],
    ids=["whole tiles", "part of a tile", "several maps", "smaller than a tile"],
)
@pytest.mark.parametrize("pads", [[1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3]], ids=str)
def test_gives_what_a_direct_sum_gives(shape: tuple[int, ...], pads: list[int]) -> None:
    x, bias = maps(*shape), maps(CHANNELS + 3)
    model = graph(kernel(CHANNELS + 3), bias=bias, pads=pads)
    direct = run(model, x)
    given = with_winograd(model, Path())
    assert "Conv" not in kinds(model)
    result = run(model, x, given)
    assert result.shape == direct.shape
    assert np.abs(result - direct).max() < ROUNDING


def test_one_session_takes_maps_of_every_size() -> None:
    model = graph(kernel(), pads=[1, 1, 1, 1])
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    given = with_winograd(model, Path())
    for shape in ((1, CHANNELS, 5, 5), (2, CHANNELS, 13, 4)):
        x = maps(*shape)
        assert np.abs(run(model, x, given) - run(plain, x)).max() < ROUNDING


def test_tiles_of_a_map_are_gathered_once_for_all_that_read_it() -> None:
    model = graph(kernel())
    other = helper.make_node("Conv", ["x", "other"], ["z"])
    model.graph.initializer.append(numpy_helper.from_array(kernel(), "other"))
    padded = helper.make_node("Conv", ["x", "other"], ["padded"], pads=[1, 1, 1, 1])
    model.graph.node.extend([other, padded])
    assert len(with_winograd(model, Path())) == 2  # a kernel is changed once, however many read it
    assert kinds(model).count("Gather") == 2  # one with margins, one without


def test_kernels_are_gone_unless_somebody_else_reads_them() -> None:
    model = graph(kernel())
    with_winograd(model, Path())
    assert "kernel" not in {tensor.name for tensor in model.graph.initializer}
    model = graph(kernel())
    model.graph.node.append(helper.make_node("Identity", ["kernel"], ["seen"]))
    with_winograd(model, Path())
    assert "kernel" in {tensor.name for tensor in model.graph.initializer}


@pytest.mark.parametrize(
    ("weights", "about"),
    [
        (kernel(), {"strides": [2, 2]}),
        (kernel(), {"dilations": [2, 2]}),
        (kernel(inputs=CHANNELS // 2), {"group": 2}),
        (kernel(), {"auto_pad": "SAME_UPPER"}),
        (kernel(), {"opset": 14}),
        (kernel(side=1), {}),
        (kernel(side=5), {}),
        (kernel(outputs=CHANNELS - 1), {}),
        (kernel(inputs=CHANNELS - 1), {"inputs": CHANNELS - 1}),
        (kernel().astype(np.float16), {}),
    ],
    ids=str,
)
def test_others_stay_as_they_are(weights: NDArray[Any], about: dict[str, Any]) -> None:
    model = graph(weights, **about)
    before = model.SerializeToString(deterministic=True)
    assert with_winograd(model, Path()) == {}
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("usual", [True, False])
def test_a_kernel_that_may_be_given_stays(usual: bool) -> None:
    """With a usual value, as in old files, or without one."""
    model = graph(kernel())
    if not usual:
        del model.graph.initializer[:]
    model.graph.input.append(
        helper.make_tensor_value_info("kernel", onnx.TensorProto.FLOAT, [CHANNELS, CHANNELS, 3, 3])
    )
    assert with_winograd(model, Path()) == {}


def test_what_a_branch_reads_stays() -> None:
    model = graph(kernel())
    branch = helper.make_graph([helper.make_node("Identity", ["kernel"], ["seen"])], "branch", [], [])
    model.graph.node.append(
        helper.make_node("If", ["x"], ["either"], then_branch=branch, else_branch=branch)
    )
    assert with_winograd(model, Path())
    assert "kernel" in {tensor.name for tensor in model.graph.initializer}


def matte_graph(path: Path) -> Path:
    """A stage graph with a convolution that gains by it: a frame's channels many times over."""
    many = np.array([0, 0, 0, CHANNELS - 3])
    nodes = [
        helper.make_node("Cast", ["frame"], ["values"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Pad", ["values", "many"], ["wide"], mode="wrap"),
        helper.make_node("Transpose", ["wide"], ["x"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["x", "kernel"], ["y"], name="net/conv", pads=[1, 1, 1, 1]),
        helper.make_node("Transpose", ["y"], ["pixels"], perm=[0, 2, 3, 1]),
        helper.make_node("Abs", ["pixels"], ["bright"]),
        helper.make_node("Slice", ["bright", "start", "end", "axis"], ["four"]),
        helper.make_node("Cast", ["four"], ["rgba"], to=onnx.TensorProto.UINT8),
    ]
    constants = {
        "many": np.concatenate([np.zeros(4, np.int64), many]),
        "kernel": kernel(),
        "start": np.array([0]),
        "end": np.array([4]),
        "axis": np.array([3]),
    }
    size: list[str | int] = ["batch", "height", "width"]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "matte",
            [helper.make_tensor_value_info("frame", onnx.TensorProto.UINT8, [*size, 3])],
            [helper.make_tensor_value_info("rgba", onnx.TensorProto.UINT8, [*size, 4])],
            [numpy_helper.from_array(values, name) for name, values in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 20)],
        ir_version=10,
    )
    helper.set_model_props(model, INFO.to_metadata())
    onnx.save(model, path)
    return path


def test_kernels_beside_the_graph_are_read(tmp_path: Path) -> None:
    model, x = graph(kernel()), maps(1, CHANNELS, 6, 7)
    direct = run(model, x)
    onnx.save(model, tmp_path / "g.onnx", save_as_external_data=True)
    hollow = onnx.load(tmp_path / "g.onnx", load_external_data=False)
    assert np.abs(run(hollow, x, with_winograd(hollow, tmp_path)) - direct).max() < ROUNDING


def test_a_session_on_the_cpu_runs_it(tmp_path: Path) -> None:
    file = matte_graph(tmp_path / "g.onnx")
    frames = RANDOM.integers(0, 255, (2, 11, 14, 3)).astype(np.uint8)
    plain = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert ort_cpu.prepared(file, threads=1).weights
    with HostDevice() as device, OrtCpuSession(file, device, threads=1, name="2a") as session:
        assert session.origin.file == file
        rgba = Bench(device, session).run(frames)
    expected = plain.run(None, {"frame": frames})[0]
    assert np.abs(rgba.astype(int) - expected).max() <= 1
    assert rgba.std() > 1


def test_graphs_too_small_to_be_read_have_no_such_kernel() -> None:
    assert kernel(LEAST_CHANNELS, LEAST_CHANNELS).nbytes == ort_cpu.SMALLEST_KERNEL_BYTES


def test_layers_of_a_profile_are_those_that_run(tmp_path: Path) -> None:
    """Named after the convolution; where the stage ran on a GPU, there is none of it."""
    file = matte_graph(tmp_path / "g.onnx")
    inputs = {"frame": np.zeros((1, 8, 8, 3), np.uint8)}
    here = OnnxRuntimeTimer(file, threads=1, ran_on=ort.CPU).layers(inputs)
    products = [layer for layer in here if layer.kind == "MatMul"]
    assert len(products) == 3
    assert {layer.part for layer in products} == {"net"}
    assert all(layer.name.startswith("net/conv/winograd/") for layer in products)
    there = OnnxRuntimeTimer(file, threads=1, ran_on="CUDAExecutionProvider").layers(inputs)
    assert "MatMul" not in {layer.kind for layer in there}
