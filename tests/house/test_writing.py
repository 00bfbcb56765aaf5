"""A graph is written as onnx.save writes it, and run without a second copy of its weights."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.house.test_hollow import graph
from trt_anime.export.check import session_of
from trt_anime.export.external import weights_in_file
from trt_anime.export.writing import write_graph
from trt_anime.hollow import weight_files, weights_of


def small() -> onnx.ModelProto:
    """Without weights."""
    model = graph()
    del model.graph.initializer[:]
    return model


@pytest.mark.parametrize("model", [graph(), small()])
def test_the_bytes_are_those_of_onnx(model: onnx.ModelProto, tmp_path: Path) -> None:
    write_graph(model, tmp_path / "graph.onnx")
    assert (tmp_path / "graph.onnx").read_bytes() == model.SerializeToString()


def test_weights_go_through_a_file(tmp_path: Path) -> None:
    model = graph()
    values = np.random.default_rng(3).standard_normal((300, 200)).astype(np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "weight"))
    x = np.random.default_rng(4).standard_normal((2, 300)).astype(np.float32)
    [found] = session_of(model).run(None, {"x": x})
    np.testing.assert_allclose(np.asarray(found).reshape(2, 200), x @ values, rtol=1e-4, atol=1e-4)
    assert weights_of(model)[0].raw_data == values.tobytes()


def test_each_weight_begins_at_a_page(tmp_path: Path) -> None:
    arrays = [np.full(count, count, np.float32) for count in (5, 3, 2000)]
    tensors = [numpy_helper.from_array(array, f"w{number}") for number, array in enumerate(arrays)]
    model = graph()
    model.graph.ClearField("initializer")
    model.graph.initializer.extend(weights_in_file(tensors, tmp_path / "w.bin"))
    assert weight_files(model, tmp_path / "graph.onnx") == [tmp_path / "w.bin"]
    assert [entry.value for tensor in model.graph.initializer for entry in tensor.external_data][1::3] == [
        "0",
        "4096",
        "8192",
    ]
    onnx.save(model, tmp_path / "graph.onnx")
    loaded = onnx.load(tmp_path / "graph.onnx").graph.initializer
    assert all(np.array_equal(numpy_helper.to_array(t), a) for t, a in zip(loaded, arrays, strict=True))
