"""Graphs whose weights lie in a file of their own: never in one message with the graph, same engine."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.engines.graphs import frames, saved, stage_graph
from trt_anime.calibration.network import network_of, with_network
from trt_anime.calibration.parity import run_with_onnxruntime
from trt_anime.engines.builder import Built, engine_from_graph, pinned, stage_graph_from_file
from trt_anime.engines.manifest import Profile
from trt_anime.engines.specialise import specialised
from trt_anime.engines.targets import Target
from trt_anime.errors import EngineError
from trt_anime.files import sha256_of
from trt_anime.hollow import weight_files

PROFILE = Profile(height=64, width=96, max_batch=4)
SM89 = Target("rtx", 89)
_WEIGHTS = "toy.weights"


def toy(*, matmul: bool = True) -> onnx.ModelProto:
    """With its weights as initializers, as exported graphs have them."""
    stage = stage_graph(matmul=matmul)
    return with_network(stage, network_of(stage))


def saved_apart(model: onnx.ModelProto, folder: Path) -> Path:
    """With the weights, not the numbers that shapes follow from, in a file beside."""
    folder.mkdir()
    path = folder / "toy.onnx"
    onnx.save(model, path, save_as_external_data=True, location=_WEIGHTS, size_threshold=100)
    return path


def built(path: Path) -> Built:
    graph = stage_graph_from_file(path)
    return engine_from_graph(graph, SM89, precision="fp32", profile=PROFILE, on_progress=lambda share: None)


def test_the_size_is_pinned_without_the_weights(tmp_path: Path) -> None:
    path = saved_apart(toy(), tmp_path / "apart")
    fixed = pinned(path, sha256_of(path), 64, 96, "rtx")
    assert fixed.beside == path
    model = onnx.load_from_string(fixed.graph)
    assert weight_files(model, path) == [path.with_name(_WEIGHTS)]
    assert [value.name for value in model.graph.input] == ["frame"]
    onnx.save(model, path.with_name("fixed.onnx"))
    whole = specialised(toy(), height=64, width=96)
    given = {"frame": frames(2, 64, 96)}
    [expected, found] = (
        run_with_onnxruntime(graph)(given)["rgba"] for graph in (whole, path.with_name("fixed.onnx"))
    )
    assert np.array_equal(expected, found)


def test_graphs_in_one_file_are_given_whole(tmp_path: Path) -> None:
    path = saved(toy(), tmp_path)
    assert pinned(path, sha256_of(path), 64, 96, "rtx").beside is None


def test_the_engine_is_the_same_but_for_numbers_in_names(home: Path, tmp_path: Path) -> None:
    """The builder numbers what it makes in the order of addresses, and those follow from the message."""
    pytest.importorskip("tensorrt_rtx")
    apart = built(saved_apart(toy(), tmp_path / "apart"))
    whole = built(saved(toy(), tmp_path))
    assert not apart.cached and not whole.cached
    one, other = (np.frombuffer(built.entry.engine.read_bytes(), np.uint8) for built in (apart, whole))
    assert one.size == other.size
    assert np.count_nonzero(one != other) < one.size / 1000
    found, expected = apart.entry.manifest, whole.entry.manifest
    assert found.layer_precision == expected.layer_precision
    assert found.product_precision == expected.product_precision


def test_an_engine_has_the_same_bytes_again(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    path = saved_apart(toy(), tmp_path / "apart")
    first = built(path).entry
    whole = first.engine.read_bytes()
    first.engine.write_bytes(b"damaged")
    assert built(path).entry.engine.read_bytes() == whole


def test_weights_that_are_gone(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    path = saved_apart(toy(), tmp_path / "apart")
    path.with_name(_WEIGHTS).unlink()
    with pytest.raises(EngineError, match=r"toy\.weights, the weights of toy\.onnx, is gone; export"):
        built(path)
