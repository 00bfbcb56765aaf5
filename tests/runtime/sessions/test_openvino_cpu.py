"""OpenVINO computes what ONNX Runtime computes, in the device's memory."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.runtime.media import INFO, expected_rgba, picture, stage_graph
from tests.runtime.sessions.graphs import Bench, conv_graph, strange_graph
from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.devices.api import CpuDevice
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.sessions.openvino_cpu import OpenVinoSession
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession


@pytest.fixture
def device() -> Iterator[CpuDevice]:
    with HostDevice() as device:
        yield device


@pytest.fixture
def openvino() -> None:
    pytest.importorskip("openvino")


def opened(graph: Path, device: CpuDevice, *, threads: int = 2) -> OpenVinoSession:
    return OpenVinoSession(graph, device, threads=threads, name="2a")


def test_without_openvino(tmp_path: Path, device: CpuDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingError, match=r"needs `pip install 'trt-anime\[openvino\]'`"):
        opened(stage_graph(tmp_path / "g.onnx"), device)


@pytest.mark.usefixtures("openvino")
class TestWithOpenVino:
    def test_runs_a_stage_graph(self, tmp_path: Path, device: CpuDevice) -> None:
        graph = stage_graph(tmp_path / "größe.onnx")
        frames = np.stack([picture(0), picture(1)])
        with opened(graph, device) as session:
            rgba = Bench(device, session).run(frames)
            np.testing.assert_array_equal(rgba, np.stack([expected_rgba(frame) for frame in frames]))
            assert session.info == INFO
            assert session.origin.library.startswith("openvino 20")
            assert session.origin.sha256 == sha256_of(graph)
            assert (session.parallel, session.threads_per_run) == (2, 1)
            assert session.shapes({"frame": (3, 5, 7, 3)}) == {"rgba": (3, 5, 7, 4)}

    def test_agrees_with_onnx_runtime(self, tmp_path: Path, device: CpuDevice) -> None:
        graph = conv_graph(tmp_path / "g.onnx")
        frames = np.stack([picture(index) for index in range(3)])
        with (
            opened(graph, device) as ours,
            OrtCpuSession(graph, device, threads=1, name="2a") as reference,
        ):
            found = Bench(device, ours).run(frames).astype(int)
            wanted = Bench(device, reference).run(frames).astype(int)
        assert wanted[..., 3].std() > 1
        assert abs(found - wanted).max() <= 1  # rounding to a byte

    def test_every_shape_is_compiled_once(self, tmp_path: Path, device: CpuDevice) -> None:
        with opened(stage_graph(tmp_path / "g.onnx"), device) as session:
            bench = Bench(device, session)
            compiled: set[object] = set()
            for count in (2, 1, 2, 1):
                frames = np.stack([picture(index) for index in range(count)])
                assert bench.run(frames)[-1, ..., 3].tolist() == frames[-1, ..., 1].tolist()
                compiled.update(id(model) for model in session._compiled.values())
            assert len(compiled) == len(session._compiled) == 2
            assert [len(requests) for requests in session._idle.values()] == [1, 1]

    def test_the_memory_of_shapes_that_came_long_ago_goes(
        self, tmp_path: Path, device: CpuDevice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import openvino

        freed: list[int] = []

        def release(model: openvino.CompiledModel) -> None:
            freed.append(model.input(0).shape[0])
            openvino._pyopenvino.CompiledModel.release_memory(model)

        monkeypatch.setattr(openvino.CompiledModel, "release_memory", release, raising=False)
        with opened(stage_graph(tmp_path / "g.onnx"), device) as session:
            bench = Bench(device, session)
            for count in (1, 2, 1, 2, 3, 2, 3, 1):
                frames = np.stack([picture(index) for index in range(count)])
                assert bench.run(frames)[-1, ..., 3].tolist() == frames[-1, ..., 1].tolist()
        assert freed == [1, 1, 1, 2]

    def test_streams_have_requests_of_their_own(self, tmp_path: Path, device: CpuDevice) -> None:
        """Runs at once on two streams don't write into each other's memory."""
        with opened(conv_graph(tmp_path / "g.onnx"), device) as session:
            alone = Bench(device, session)
            wanted = [alone.run(picture(index)[None]) for index in range(2)]
            benches = [Bench(device, session) for _ in wanted]
            sets = [bench.tensors((1, 48, 64, 3)) for bench in benches]
            for index, (bench, tensors) in enumerate(zip(benches, sets, strict=True)):
                frame = tensors["frame"]
                array = device.view(frame)

                def fill(array: NDArray[Any] = array, index: int = index) -> None:
                    array[:] = picture(index)

                device.run(fill, reads=[], writes=[frame], stream=bench.stream, name="fill")
            for _ in range(4):
                for bench, tensors in zip(benches, sets, strict=True):
                    session.enqueue(tensors, stream=bench.stream, scratch=None)
            for bench, tensors, rgba in zip(benches, sets, wanted, strict=True):
                bench.wait(bench.stream)
                np.testing.assert_array_equal(device.view(tensors["rgba"]), rgba)

    def test_an_operator_that_openvino_has_not(self, tmp_path: Path, device: CpuDevice) -> None:
        with pytest.raises(EngineError) as raised:
            opened(strange_graph(tmp_path / "odd.onnx"), device)
        assert str(raised.value).endswith(
            "odd.onnx: OpenVINO can't convert odd_one (Strange); use --provider onnxruntime"
        )

    def test_shapes_that_the_graph_can_not_take(self, tmp_path: Path, device: CpuDevice) -> None:
        """Its tiles need sides that are multiples of 8, which no name of a size says."""
        graph = conv_graph(tmp_path / "g.onnx")
        with (
            opened(graph, device) as session,
            pytest.raises(EngineError, match=r"g\.onnx: OpenVINO .*") as raised,
        ):
            Bench(device, session).run(np.zeros((1, 44, 60, 3), np.uint8))
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize("content", [b"", b"not a graph"])
    def test_a_file_that_is_no_graph(self, tmp_path: Path, device: CpuDevice, content: bytes) -> None:
        (tmp_path / "wrong.onnx").write_bytes(content)
        with pytest.raises(InputError, match=r"wrong\.onnx"):
            opened(tmp_path / "wrong.onnx", device)

    def test_a_missing_graph(self, tmp_path: Path, device: CpuDevice) -> None:
        with pytest.raises(InputError, match=r"no such file; run `trt-anime export`"):
            opened(tmp_path / "none.onnx", device)

    def test_closing_frees_the_graph(self, tmp_path: Path, device: CpuDevice) -> None:
        session = opened(stage_graph(tmp_path / "g.onnx"), device)
        Bench(device, session).run(picture(0)[None])
        session.close()
        session.close()
        assert not session._compiled and session._model is None
