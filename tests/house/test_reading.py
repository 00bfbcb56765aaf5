"""A graph is read as onnx.load reads it, its large weights past memory."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.house.test_hollow import graph
from trt_anime.export.external import held, is_aside, weights_aside
from trt_anime.export.reading import read_graph
from trt_anime.export.writing import write_graph


def saved(folder: Path) -> Path:
    """A graph with metadata, and weights large and small, one behind the other."""
    model = graph()
    model.producer_name = "someone"
    onnx.helper.set_model_props(model, {"behind": "the graph"})
    rng = np.random.default_rng(1)
    for number, count in enumerate((50_000, 7, 30_000)):
        values = rng.standard_normal(count).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, f"w{number}"))
    onnx.save(model, folder / "graph.onnx")
    return folder / "graph.onnx"


def test_large_weights_are_aside_and_the_rest_is_the_same(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert read_graph(path) == onnx.load(path)
    (tmp_path / "aside").mkdir()
    with weights_aside(tmp_path / "aside"):
        model = read_graph(path)
        assert {t.name for t in model.graph.initializer if is_aside(t)} >= {"w0", "w2"}
        assert model.ByteSize() < 20_000
        write_graph(model, tmp_path / "again.onnx")
        for tensor in model.graph.initializer:
            tensor.CopyFrom(held(tensor))
    assert model == onnx.load(path)
    assert (tmp_path / "again.onnx").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("length", [5, 900, 150_000, -1])
def test_a_damaged_file_is_refused(length: int, tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with weights_aside(tmp_path), pytest.raises(Exception, match=r"cut short|[Pp]ars"):
        read_graph(path)


def test_weights_in_other_files_are_read(tmp_path: Path) -> None:
    model = onnx.load(saved(tmp_path))
    onnx.save(model, tmp_path / "other.onnx", save_as_external_data=True, size_threshold=1000)
    (tmp_path / "aside").mkdir()
    with weights_aside(tmp_path / "aside"):
        found = read_graph(tmp_path / "other.onnx")
    assert [numpy_helper.to_array(t).sum() for t in found.graph.initializer] == [
        numpy_helper.to_array(t).sum() for t in onnx.load(tmp_path / "graph.onnx").graph.initializer
    ]
