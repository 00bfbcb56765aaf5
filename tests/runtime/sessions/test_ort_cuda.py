"""Who really runs each node is found out; runs are ordered with the caller's stream by events."""

import sys
from pathlib import Path
from typing import Any, cast

import onnxruntime
import pytest

from tests.runtime.media import stage_graph
from tests.runtime.sessions.doubles import FakeGpu
from tests.runtime.sessions.fake_ort import FakeOrt
from tests.runtime.sessions.graphs import conv_graph, tensor_on
from trt_anime.errors import EngineError, MissingError, TrtAnimeError
from trt_anime.runtime.devices.api import Device, Tensor
from trt_anime.runtime.sessions import ort
from trt_anime.runtime.sessions.api import GpuDevice
from trt_anime.runtime.sessions.onnx_file import description
from trt_anime.runtime.sessions.ort_cuda import CUDA, OrtCudaSession


@pytest.fixture
def gpu() -> FakeGpu:
    return FakeGpu()


def installed(monkeypatch: pytest.MonkeyPatch, gpu: FakeGpu, **options: Any) -> FakeOrt:
    fake = FakeOrt(gpu, **options)
    monkeypatch.setitem(sys.modules, "onnxruntime", cast(Any, fake))
    return fake


def opened(graph: Path, gpu: FakeGpu, *, allow_cpu_nodes: bool = False) -> OrtCudaSession:
    return OrtCudaSession(graph, cast(GpuDevice, gpu), name="2a", allow_cpu_nodes=allow_cpu_nodes)


def tensors(gpu: FakeGpu) -> dict[str, Tensor]:
    sizes = {"frame": (1, 16, 24, 3), "rgba": (1, 16, 24, 4)}
    return {name: tensor_on(cast(Device, gpu), name, shape) for name, shape in sizes.items()}


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="this ONNX Runtime has CUDA")
def test_an_onnx_runtime_without_cuda(tmp_path: Path, gpu: FakeGpu) -> None:
    with pytest.raises(MissingError, match=rf"has no {CUDA} here; .*pip install 'trt-anime\[gpu\]'"):
        opened(stage_graph(tmp_path / "g.onnx"), gpu)


def test_a_provider_that_does_not_start(
    tmp_path: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that `--device auto` goes on without it, aloud."""
    installed(monkeypatch, gpu, starts=False)
    with pytest.raises(MissingError, match=rf"could not start {CUDA} and would silently run on CPUExec"):
        opened(stage_graph(tmp_path / "g.onnx"), gpu)


def test_onnx_runtime_tells_where_nodes_run(tmp_path: Path) -> None:
    """On a real session: all of it runs on the CPU, and only pixels' nodes are held against it."""
    graph = conv_graph(tmp_path / "g.onnx")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph, options, providers=[ort.CPU])
    nodes = ort.nodes_of(session)
    assert {node.provider for node in nodes} == {ort.CPU}
    assert {"Conv", "Cast", "Shape"} <= {node.kind for node in nodes}
    ort.require_provider(nodes, ort.CPU, shape_nodes=frozenset(), graph=graph)
    shape_nodes = description(graph).shape_nodes
    kinds = dict(description(graph).nodes)
    assert "Shape" in {kinds[name] for name in shape_nodes}
    assert not {"Conv", "Cast", "Resize", "TopK", "ScatterND"} & {kinds[name] for name in shape_nodes}
    pixels = [node for node in nodes if node.name not in shape_nodes]
    assert 0 < len(pixels) < len(nodes)
    with pytest.raises(EngineError) as raised:
        ort.require_provider(nodes, CUDA, shape_nodes=shape_nodes, graph=graph)
    message = str(raised.value)
    assert f"{CUDA} can't run {len(pixels)} of its nodes, which would fall back to {ort.CPU}" in message
    assert f"{pixels[0].name} ({pixels[0].kind})" in message
    assert message.endswith(
        f"and {len(pixels) - 6} more; allow that with --allow-cpu-nodes, or use --device cpu"
    )


def test_nodes_that_cuda_can_not_run(tmp_path: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = conv_graph(tmp_path / "g.onnx")
    installed(monkeypatch, gpu, on_cpu=("TopK",))
    with pytest.raises(
        EngineError, match=rf"{CUDA} can't run 1 of its nodes, .*: post/TopK_0 \(TopK\); allow"
    ):
        opened(graph, gpu)
    opened(graph, gpu, allow_cpu_nodes=True).close()
    installed(monkeypatch, gpu, on_cpu=("Shape",))
    opened(graph, gpu).close()


@pytest.mark.parametrize("options", [{"on_cpu": ("TopK",)}, {"starts": False}])
def test_what_is_refused_is_freed(
    tmp_path: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """Before its stream, which is closed while the error is still on its way up."""
    fake = installed(monkeypatch, gpu, **options)
    with pytest.raises(TrtAnimeError) as raised:
        opened(conv_graph(tmp_path / "g.onnx"), gpu)
    assert raised.value.__traceback__ and fake.opened() is None


def test_what_the_provider_is_told(tmp_path: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = installed(monkeypatch, gpu)
    with opened(stage_graph(tmp_path / "g.onnx"), gpu) as session:
        ((provider, options),) = fake.providers
        assert provider == session.origin.provider == CUDA
        assert options["device_id"] == "1"
        assert options["user_compute_stream"] == str(session._stream.handle)
        assert options["use_tf32"] == "0"
        assert "stream of its own" in str(session.why_not_captured)
        assert session.scratch_bytes({"frame": (1, 16, 24, 3)}) == 0


def test_a_run_is_ordered_with_the_stream_it_is_put_on(
    tmp_path: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = installed(monkeypatch, gpu)
    with opened(stage_graph(tmp_path / "g.onnx"), gpu) as session:
        bound = tensors(gpu)
        session.enqueue(bound, stream=gpu.stream(name="compute"), scratch=None)
        assert gpu.calls == [
            ("record", "2a may begin", "compute"),
            ("wait", "2a may begin", "2a session"),
            ("run",),
            ("record", "2a has ended", "2a session"),
            ("wait", "2a has ended", "compute"),
        ]
        shapes = {name: tensor.shape for name, tensor in bound.items()}
        assert [(*item[:4], *item[5:]) for item in fake.bound] == [
            ("in", "frame", "cuda", 1, shapes["frame"], bound["frame"].pointer),
            ("out", "rgba", "cuda", 1, shapes["rgba"], bound["rgba"].pointer),
        ]
        entry = fake.run_options.get_run_config_entry("disable_synchronize_execution_providers")
        assert entry == "1"


def test_a_run_that_fails(tmp_path: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = installed(monkeypatch, gpu)
    with opened(stage_graph(tmp_path / "g.onnx"), gpu) as session:
        fake.fails = True
        with pytest.raises(EngineError, match=r"ONNX Runtime failed \(CUDNN failure 4\)") as raised:
            session.enqueue(tensors(gpu), stream=gpu.stream(name="compute"), scratch=None)
    assert raised.value.__traceback__ and fake.opened() is None
    with pytest.raises(EngineError, match="session is closed"):
        session.enqueue(tensors(gpu), stream=gpu.stream(name="compute"), scratch=None)
