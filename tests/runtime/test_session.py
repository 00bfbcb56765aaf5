"""A stage graph is run as it describes itself; anything else is named in one sentence."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import spox
import spox.opset.ai.onnx.v17 as op

from tests.runtime.media import INFO, expected_rgba, picture, stage_graph
from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.session import _split, check_device, open_session


def test_runs_a_stage_graph(tmp_path: Path) -> None:
    graph = stage_graph(tmp_path / "größe.onnx")
    with open_session(graph, device="cpu", threads=2) as session:
        frames = np.stack([picture(0), picture(1)])
        rgba = session.run(frames)["rgba"]
        np.testing.assert_array_equal(rgba, np.stack([expected_rgba(f) for f in frames]))
        assert session.info == INFO
        assert session.provider == "CPUExecutionProvider"
        assert session.graph_sha256 == sha256_of(graph)
        assert (session.parallel, session.threads_per_run) == (2, 1)


@pytest.mark.parametrize(("threads", "expected"), [(1, (1, 1)), (2, (2, 1)), (4, (4, 1)), (16, (4, 4))])
def test_threads_are_shared_out(threads: int, expected: tuple[int, int]) -> None:
    assert _split(threads) == expected


def test_fixed_sizes_are_checked_first(tmp_path: Path) -> None:
    with open_session(stage_graph(tmp_path / "g.onnx", side=32), device="auto", threads=1) as session:
        session.check_frames(batch=5, height=32, width=32)
        with pytest.raises(InputError, match="takes width 32 only, but here it is 33"):
            session.check_frames(batch=1, height=32, width=33)


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x07" + bytes(50)])
def test_a_file_that_is_no_graph(tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"wrong\.onnx"):
        open_session(path, device="cpu", threads=1)
    assert capfd.readouterr().err == ""


def test_an_onnx_file_that_is_no_stage_graph(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a stage graph of this release"):
        open_session(stage_graph(tmp_path / "g.onnx", info=None), device="cpu", threads=1)


def test_a_stage_graph_of_another_kind(tmp_path: Path) -> None:
    frame = spox.argument(spox.Tensor(np.float32, ("batch", 3, 320, 320)))
    model = spox.build({"frame": frame}, {"rgba": op.relu(frame)})
    for key, value in INFO.to_metadata().items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, tmp_path / "g.onnx")
    with pytest.raises(InputError, match="does not turn `frame` uint8"):
        open_session(tmp_path / "g.onnx", device="cpu", threads=1)


def test_a_missing_graph(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such file; run `trt-anime export`"):
        open_session(tmp_path / "none.onnx", device="cpu", threads=1)


def test_a_run_that_fails_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with (
        open_session(stage_graph(tmp_path / "g.onnx", side=32), device="cpu", threads=1) as session,
        pytest.raises(EngineError, match="ONNX Runtime failed") as caught,
    ):
        session.run(np.zeros((1, 8, 8, 3), np.uint8))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_devices() -> None:
    check_device("auto")
    with pytest.raises(MissingError, match="GPU execution is not in this release"):
        check_device("cuda:0")
    with pytest.raises(InputError, match="no such device"):
        check_device("tpu")
