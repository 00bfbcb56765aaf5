"""ONNX Runtime on the CPU runs a stage graph as it describes itself, on the device's memory in place."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import spox
import spox.opset.ai.onnx.v17 as op
from hypothesis import given
from hypothesis import strategies as st

from tests.runtime.media import INFO, expected_rgba, picture, stage_graph
from tests.runtime.sessions.graphs import MATTE, Bench, conv_graph, strange_graph
from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.devices.api import CpuDevice, Memory
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.sessions.cpu_runs import most_runs, run_bytes, split_threads
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession


@pytest.fixture
def device() -> Iterator[CpuDevice]:
    with HostDevice() as device:
        yield device


def opened(graph: Path, device: CpuDevice, *, threads: int = 1) -> OrtCpuSession:
    return OrtCpuSession(graph, device, threads=threads, name="2a")


def test_runs_a_stage_graph(tmp_path: Path, device: CpuDevice) -> None:
    graph = stage_graph(tmp_path / "größe.onnx")
    frames = np.stack([picture(0), picture(1)])
    with opened(graph, device, threads=2) as session:
        rgba = Bench(device, session).run(frames)
        np.testing.assert_array_equal(rgba, np.stack([expected_rgba(frame) for frame in frames]))
        assert session.info == INFO
        assert session.origin.provider == "CPUExecutionProvider"
        assert session.origin.library.startswith("onnxruntime 1.")
        assert (session.origin.file, session.origin.sha256) == (graph, sha256_of(graph))
        assert (session.parallel, session.threads_per_run) == (2, 1)
        assert session.shapes({"frame": (3, 5, 7, 3)}) == {"rgba": (3, 5, 7, 4)}
        assert session.scratch_bytes(MATTE) == 0


def test_batches_of_changing_size_share_a_session(tmp_path: Path, device: CpuDevice) -> None:
    with opened(conv_graph(tmp_path / "g.onnx"), device) as session:
        bench = Bench(device, session)
        frames = np.stack([picture(index) for index in range(3)])
        whole = bench.run(frames)
        assert whole[..., 3].std() > 1
        np.testing.assert_array_equal(np.concatenate([bench.run(frames[:2]), bench.run(frames[2:])]), whole)


def test_nothing_is_copied(tmp_path: Path, device: CpuDevice) -> None:
    """What ONNX Runtime binds is the device's own memory, in and out."""
    with opened(stage_graph(tmp_path / "g.onnx"), device) as session:
        bound: list[tuple[str, int]] = []
        library = session._loaded.session  # type: ignore[union-attr]

        class Spy:
            def io_binding(self) -> object:
                self.real = library.io_binding()
                return self

            def bind_input(self, name: str, *args: object) -> None:
                bound.append((name, int(args[-1])))  # type: ignore[call-overload]
                self.real.bind_input(name, *args)

            def bind_output(self, name: str, *args: object) -> None:
                bound.append((name, int(args[-1])))  # type: ignore[call-overload]
                self.real.bind_output(name, *args)

            def run_with_iobinding(self, binding: "Spy") -> None:
                library.run_with_iobinding(self.real)

        object.__setattr__(session._loaded, "session", Spy())
        bench = Bench(device, session)
        tensors = bench.tensors((1, 48, 64, 3))
        source = device.allocate_pinned(tensors["frame"].size_bytes, name="source")
        host = type(tensors["frame"])(source, tensors["frame"].shape, tensors["frame"].dtype)
        with device.writing(host) as array:
            array[:] = picture(3)
        device.copy(tensors["frame"], host, stream=bench.stream)
        session.enqueue(tensors, stream=bench.stream, scratch=None)
        bench.wait(bench.stream)
        assert bound == [(name, tensors[name].pointer) for name in ("frame", "rgba")]
        np.testing.assert_array_equal(device.view(tensors["rgba"])[0], expected_rgba(picture(3)))


@pytest.mark.parametrize(("threads", "expected"), [(1, (1, 1)), (2, (2, 1)), (4, (4, 1)), (16, (4, 4))])
def test_threads_are_shared_out(threads: int, expected: tuple[int, int]) -> None:
    assert split_threads(threads) == expected


@given(st.integers(1, 200), st.integers(1, 8))
def test_no_more_threads_than_were_given(threads: int, most: int) -> None:
    parallel, per_run = split_threads(threads, most=most)
    assert 1 <= parallel <= most and per_run >= 1
    assert threads - parallel < parallel * per_run <= threads


def test_large_networks_run_less_often_at_once() -> None:
    assert most_runs(0, free_bytes=1) == 4
    assert [most_runs(400, free_bytes=free) for free in (100, 1600, 2400)] == [1, 2, 3]


def test_memory_decides_how_many_run_at_once(tmp_path: Path, device: CpuDevice) -> None:
    info = replace(INFO, network_size=(1000, 1000))
    graph = stage_graph(tmp_path / "g.onnx", info=info)
    device.memory = lambda: Memory(free=2 * 2 * 4_000_000_000 + 1, total=10**12)  # type: ignore[method-assign]
    with opened(graph, device, threads=8) as session:
        assert (session.parallel, session.threads_per_run) == (2, 4)
        options = session._loaded.session.get_session_options()  # type: ignore[union-attr]
        assert options.intra_op_num_threads == 4


# What was measured, in MiB (see `cpu_runs`).
MEASURED = [
    ((320, 320), (1, 720, 1280, 3), 387),
    ((320, 320), (1, 1080, 1920, 3), 385),
    ((320, 320), (2, 720, 1280, 3), 773),
    ((320, 320), (1, 2160, 3840, 3), 1239),
    (None, (1, 512, 512, 3), 192),
    (None, (1, 1080, 1920, 3), 375),
    (None, (1, 2160, 3840, 3), 1233),
]


@pytest.mark.parametrize(("network", "frame", "measured"), MEASURED)
def test_estimates_are_near_what_was_measured(
    network: tuple[int, int] | None, frame: tuple[int, ...], measured: int
) -> None:
    info = replace(INFO, network_size=network)
    estimate = run_bytes(info, {"frame": frame}) / 2**20
    assert measured <= estimate <= 1.25 * measured


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x07" + bytes(50)])
def test_a_file_that_is_no_graph(
    tmp_path: Path, device: CpuDevice, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"wrong\.onnx"):
        opened(path, device)
    assert capfd.readouterr().err == ""


def test_an_onnx_file_that_is_no_stage_graph(tmp_path: Path, device: CpuDevice) -> None:
    with pytest.raises(InputError, match="not a stage graph of this release"):
        opened(stage_graph(tmp_path / "g.onnx", info=None), device)


def test_a_missing_graph(tmp_path: Path, device: CpuDevice) -> None:
    with pytest.raises(InputError, match=r"none\.onnx: no such file; run `trt-anime export`"):
        opened(tmp_path / "none.onnx", device)


def test_an_operator_that_nobody_has(tmp_path: Path, device: CpuDevice) -> None:
    with pytest.raises((InputError, EngineError), match=r"odd\.onnx: .*Strange"):
        opened(strange_graph(tmp_path / "odd.onnx"), device)


def test_a_type_that_no_stage_has(tmp_path: Path, device: CpuDevice) -> None:
    words = spox.argument(spox.Tensor(np.str_, ("batch",)))
    model = spox.build({"words": words}, {"same": op.identity(words)})
    onnx.helper.set_model_props(model, INFO.to_metadata())
    onnx.save(model, tmp_path / "g.onnx")
    with pytest.raises(InputError, match=r"`words` is a tensor\(string\), which no stage has"):
        opened(tmp_path / "g.onnx", device)


def test_without_onnx_runtime(tmp_path: Path, device: CpuDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingError, match=r"pip install 'trt-anime\[cpu\]'"):
        opened(stage_graph(tmp_path / "g.onnx"), device)


def test_wrong_tensors_reach_no_library(tmp_path: Path, device: CpuDevice) -> None:
    with opened(stage_graph(tmp_path / "g.onnx", side=32), device) as session:
        bench = Bench(device, session)
        right = bench.tensors((1, 32, 32, 3))
        frame, rgba = right["frame"], right["rgba"]

        def put(**tensors: object) -> None:
            session.enqueue(tensors, stream=bench.stream, scratch=None)  # type: ignore[arg-type]

        with pytest.raises(ValueError, match=r"has \['frame', 'rgba'\], but tensors came for \['frame'\]"):
            put(frame=frame)
        with pytest.raises(ValueError, match="`rgba` is uint8, but here int8"):
            put(frame=frame, rgba=type(rgba)(rgba.buffer, rgba.shape, np.dtype(np.int8)))
        with pytest.raises(ValueError, match=r"`rgba` is \(1, 32, 32, 4\), but here \(1, 32, 16, 4\)"):
            put(frame=frame, rgba=type(rgba)(rgba.buffer, (1, 32, 16, 4), rgba.dtype))
        with pytest.raises(InputError, match=r"which \[1, 16, 32, 3\] does not fit"):
            put(frame=type(frame)(frame.buffer, (1, 16, 32, 3), frame.dtype), rgba=rgba)


def test_a_run_that_fails_is_one_sentence(
    tmp_path: Path, device: CpuDevice, capfd: pytest.CaptureFixture[str]
) -> None:
    """The graph says that its output has the frame's size, and gives half of it."""
    path = tmp_path / "liar.onnx"
    frame = spox.argument(spox.Tensor(np.uint8, ("batch", "height", "width", 3)))
    half = op.div(op.shape(frame), op.const(np.array([1, 2, 1, 1], np.int64)))
    cut = op.slice(frame, op.const(np.zeros(4, np.int64)), half)
    model = spox.build({"frame": frame}, {"rgba": op.concat([cut, cut], axis=3)})
    shape: list[str | int | None] = ["batch", "height", "width", 6]
    model.graph.output[0].CopyFrom(
        onnx.helper.make_tensor_value_info("rgba", onnx.TensorProto.UINT8, shape)
    )
    onnx.helper.set_model_props(model, INFO.to_metadata())
    onnx.save(model, path)
    with opened(path, device) as session, pytest.raises(EngineError, match="ONNX Runtime failed") as caught:
        Bench(device, session).run(picture(0)[None])
    assert "\n" not in str(caught.value) and "liar.onnx" in str(caught.value)
    assert capfd.readouterr().err == ""


def test_closing_frees_the_graph(tmp_path: Path, device: CpuDevice) -> None:
    session = opened(stage_graph(tmp_path / "g.onnx"), device)
    session.close()
    session.close()
    with pytest.raises(EngineError, match="closed before its work had ended"):
        Bench(device, session).run(picture(0)[None])
