"""The session that a stage gets follows from device and provider; what can't be is said, never replaced."""

import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import onnx
import pytest
import spox
import spox.opset.ai.onnx.v17 as op

from tests.engines.graphs import saved
from tests.engines.records import ENGINE, MANIFEST, RECIPE
from tests.engines.test_frame_sizes import fixed_graph, text_graph
from tests.runtime.media import INFO, stage_graph
from tests.runtime.sessions.doubles import FakeGpu, Library
from tests.runtime.sessions.fake_ort import FakeOrt
from tests.runtime.sessions.graphs import tensor_on
from trt_anime.engines import store
from trt_anime.engines.manifest import Profile, Recipe
from trt_anime.engines.store import kernels_file
from trt_anime.errors import InputError, MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.sessions.engine_choice import engine_for
from trt_anime.runtime.sessions.opening import PROVIDERS, check_provider, open_session
from trt_anime.runtime.sessions.openvino_cpu import OpenVinoSession
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession
from trt_anime.runtime.sessions.ort_cuda import OrtCudaSession
from trt_anime.runtime.sessions.replay import ReplaySession
from trt_anime.runtime.sessions.tensorrt_engine import TensorRtSession
from trt_anime.runtime.stages import STAGES

MATTE = STAGES["2a"]
SYSTEM = f"{sys.platform}-{platform.machine().lower()}"


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path))
    return stage_graph(tmp_path / "matte.onnx")


@pytest.fixture
def cpu() -> Iterator[HostDevice]:
    with HostDevice() as device:
        yield device


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    """With TensorRT-RTX and an ONNX Runtime that has CUDA."""
    gpu = FakeGpu(capability=89)
    library = Library(height=64, width=96, most=4)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", library.module("tensorrt_rtx"))
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", cast(Any, FakeOrt(gpu)))
    return gpu


def opened(graph: Path, device: object, **options: Any) -> tuple[Session, list[str]]:
    given: dict[str, Any] = {"threads": 2, "size": (64, 96), "batch": 2} | options
    return open_session(MATTE, cast(Device, device), graph=lambda: graph, **given)


def engine_of(graph: Path, **changes: Any) -> store.Entry:
    recipe: Recipe = replace(RECIPE, graph_sha256=sha256_of(graph), system=SYSTEM, **changes)
    info = replace(INFO, model=recipe.model)
    return store.install(replace(MANIFEST, recipe=recipe, info=info), ENGINE)


def test_a_cpu_has_onnx_runtime(graph: Path, cpu: HostDevice) -> None:
    for provider in ("auto", "onnxruntime"):
        session, notices = opened(graph, cpu, provider=provider)
        assert isinstance(session, OrtCpuSession) and notices == []
        assert (session.name, session.parallel) == ("2a", 2)
        session.close()


def test_a_cpu_has_openvino(graph: Path, cpu: HostDevice) -> None:
    pytest.importorskip("openvino")
    session, notices = opened(graph, cpu, provider="openvino")
    assert isinstance(session, OpenVinoSession) and notices == []


def test_the_null_device_needs_no_graph() -> None:
    def no_graph() -> NoReturn:
        raise AssertionError("asked for")

    with NullDevice() as device:
        for stage in STAGES.values():
            session, notices = open_session(
                stage, device, graph=no_graph, threads=1, size=(1080, 1920), batch=4
            )
            assert isinstance(session, ReplaySession) and notices == []
            assert session.shapes({"frame": (4, 1080, 1920, 3)}) == {"rgba": (4, 1080, 1920, 4)}
            assert session.info.stage == stage.graph
            shapes = {"frame": (2, 8, 8, 3), "rgba": (2, 8, 8, 4)}
            tensors = {name: tensor_on(device, name, shape) for name, shape in shapes.items()}
            stream = device.stream(name="compute")
            with device.capture(stream=stream) as captured:
                session.enqueue(tensors, stream=stream, scratch=None)
            captured().launch(stream=stream)


def test_replayed_work_has_the_name_of_its_stage() -> None:
    class Device:
        def run(self, work: Any, **options: Any) -> None:
            work()
            names.append((options["name"], [item.shape for item in options["reads"] + options["writes"]]))

    names: list[Any] = []
    session = ReplaySession(STAGES["2b"], cast(Any, Device()))
    with NullDevice() as device:
        shapes = {"frame": (1, 8, 8, 3), "rgba": (1, 8, 8, 4)}
        tensors = {name: tensor_on(device, name, shape) for name, shape in shapes.items()}
        session.enqueue(tensors, stream=device.stream(name="x"), scratch=None)
        with pytest.raises(ValueError, match="`rgba` is"):
            session.enqueue(tensors | {"rgba": tensors["rgba"].rows(0)}, stream=cast(Any, 0), scratch=None)
    assert names == [("2b", [(1, 8, 8, 3), (1, 8, 8, 4)])]


@pytest.mark.parametrize(
    ("device", "provider", "words"),
    [
        ("cpu", "tensorrt", "does not run on device cpu; use auto, onnxruntime, openvino"),
        ("cuda", "openvino", "does not run on device cuda; use auto, tensorrt, onnxruntime"),
        ("null", "onnxruntime", "does not run on device null; use auto"),
        ("cpu", "cuda", "no such provider; use auto, onnxruntime, openvino, tensorrt"),
    ],
)
def test_combinations_that_are_none(device: str, provider: str, words: str) -> None:
    with pytest.raises(InputError, match=f"^--provider {provider}: {words}$"):
        check_provider(provider, device=device)


def test_every_provider_runs_somewhere(graph: Path, cpu: HostDevice) -> None:
    for provider in PROVIDERS:
        taken = 0
        for device in ("cpu", "cuda", "null"):
            try:
                check_provider(provider, device=device)
                taken += 1
            except InputError:
                continue
        assert taken
    with pytest.raises(InputError, match="--provider tensorrt: does not run on device cpu"):
        opened(graph, cpu, provider="tensorrt")


def test_a_gpu_has_its_engine(graph: Path, gpu: FakeGpu) -> None:
    entry = engine_of(graph)
    for provider in ("auto", "tensorrt"):
        session, notices = opened(graph, gpu, provider=provider)
        assert isinstance(session, TensorRtSession) and notices == []
        assert session.origin.file == entry.engine


def test_a_gpu_without_an_engine(graph: Path, gpu: FakeGpu) -> None:
    session, notices = opened(graph, gpu)
    assert isinstance(session, OrtCudaSession)
    build = f"run `trt-anime engines build --graph {graph} --gpu sm89 --size 96x64 --max-batch 2`"
    why = f"no engine here is made of matte.onnx; {build}"
    assert notices == [f"stage 2a runs on ONNX Runtime, which is slower: {why}"]
    with pytest.raises(MissingError) as raised:
        opened(graph, gpu, provider="tensorrt")
    assert str(raised.value) == f"--provider tensorrt: {why}"


def test_onnx_runtime_although_there_is_an_engine(graph: Path, gpu: FakeGpu) -> None:
    engine_of(graph)
    session, notices = opened(graph, gpu, provider="onnxruntime")
    assert isinstance(session, OrtCudaSession) and notices == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": "rtx-sm86"}, r"is for sm86, and here is this GPU \(sm89\)"),
        ({"system": "win32-amd64"}, f"is for win32-amd64, and this is {SYSTEM}"),
        ({"profile": Profile(height=96, width=64, max_batch=4)}, "takes frames of 64x96, not 96x64"),
        ({"profile": Profile(height=64, width=96, max_batch=1)}, "takes batches of 1 to 1, not 2"),
        (
            {"profile": Profile(height=64, width=96, max_batch=4, min_batch=3, opt_batch=3)},
            "takes batches of 3 to 4, not 2",
        ),
        ({"flavour_version": "1.6"}, "was built with TensorRT-RTX 1.6, and 1.7.1 is installed"),
        ({"flavour_version": "1.10"}, "is downgraded: TensorRT-RTX 1.7.1 is installed, and .* with 1.10"),
        ({"target": "trt-sm89"}, "needs TensorRT 1.7.1, which is not installed"),
    ],
)
def test_engines_that_do_not_fit(graph: Path, gpu: FakeGpu, changes: dict[str, Any], words: str) -> None:
    recipe = replace(RECIPE, graph_sha256=sha256_of(graph), **({"system": SYSTEM} | changes))
    folder = store.install(replace(MANIFEST, recipe=recipe), ENGINE).folder.name
    with pytest.raises(MissingError, match=f"no engine here can be used: {folder} {words}; run"):
        opened(graph, gpu, provider="tensorrt")


def test_damaged_engines_are_named(graph: Path, gpu: FakeGpu) -> None:
    entry = engine_of(graph)
    other = engine_of(graph, target="rtx-sm86")
    other.engine.unlink()  # doesn't matter here
    words = f"no engine here can be used: {entry.folder.name} "
    entry.engine.write_bytes(ENGINE[:-1])
    with pytest.raises(MissingError, match=f"{words}its engine.plan is truncated: 19 bytes.*20; run"):
        opened(graph, gpu, provider="tensorrt")
    (entry.folder / "manifest.json").write_text('{"schema": 1}')
    with pytest.raises(MissingError, match=f"{words}manifest.json: of an older release .*version 1.*; run"):
        opened(graph, gpu, provider="tensorrt")
    entry.folder.rename(entry.folder.with_name("matte-toy-copied"))
    good = engine_of(graph, precision="fp32")
    session, _ = opened(graph, gpu, provider="tensorrt")
    assert session.origin.file == good.engine


def test_which_precision(graph: Path, gpu: FakeGpu) -> None:
    entries = {precision: engine_of(graph, precision=precision) for precision in ("fp32", "fp16")}
    for asked, got in ((None, "fp16"), ("fp32", "fp32"), ("fp16", "fp16")):
        session, _ = opened(graph, gpu, precision=asked)
        assert session.origin.file == entries[got].engine
    with pytest.raises(MissingError, match=r"no engine here is in int8; .* --precision int8`"):
        opened(graph, gpu, provider="tensorrt", precision="int8")


def test_the_fastest_that_was_measured(graph: Path, gpu: FakeGpu) -> None:
    fp16, int8 = (engine_of(graph, precision=precision) for precision in ("fp16", "int8"))
    for slow, fast in ((fp16, int8), (int8, fp16)):
        for entry, seconds in ((slow, 0.004), (fast, 0.003)):
            measured = replace(entry.manifest, seconds_per_frame=seconds, measured_on="this GPU")
            store.amended(entry, measured, b"picture")
        session, _ = opened(graph, gpu)
        assert session.origin.file == fast.engine


def test_a_forced_engine_is_the_last_choice_and_told(graph: Path, gpu: FakeGpu) -> None:
    forced = engine_of(graph)
    store.amended(forced, replace(forced.manifest, forced=True), b"picture")
    session, notices = opened(graph, gpu)
    assert session.origin.file == forced.engine
    assert notices == [
        f"stage 2a runs {forced.folder.name}, which was forced into the store although its results differ"
        " too much from FP32"
    ]
    other = engine_of(graph, precision="fp32")
    session, notices = opened(graph, gpu)
    assert session.origin.file == other.engine and notices == []


def test_the_smallest_batch_that_does(graph: Path, gpu: FakeGpu) -> None:
    profiles = [Profile(height=64, width=96, max_batch=most) for most in (8, 2, 4)]
    entries = [engine_of(graph, profile=profile) for profile in profiles]
    session, _ = opened(graph, gpu)
    assert session.origin.file == entries[1].engine


def test_a_damaged_cache_is_told(graph: Path, gpu: FakeGpu) -> None:
    (engine_of(graph).folder / kernels_file("RTX 4090")).write_bytes(b"?")
    _, notices = opened(graph, gpu)
    assert len(notices) == 1 and "is damaged and was ignored" in notices[0]


def test_a_graph_of_another_stage(graph: Path, cpu: HostDevice) -> None:
    with pytest.raises(InputError, match="is a graph of `matte`, but stage 2c runs `inpaint`"):
        open_session(STAGES["2c"], cpu, graph=lambda: graph, threads=1, size=(8, 8), batch=1)


def test_a_stage_graph_of_another_kind(tmp_path: Path, cpu: HostDevice) -> None:
    planes = spox.argument(spox.Tensor(np.float32, ("batch", 3, 320, 320)))
    other = spox.argument(spox.Tensor(np.uint8, ("batch", "height", "width", 3)))
    kinds = {
        "has no `frame` uint8": spox.build({"frame": planes}, {"rgba": op.relu(planes)}),
        "has no `rgba` uint8": spox.build({"frame": other}, {"rgba": op.identity(other)}),
        "stage 2a takes frame, .*: run|differs from the graph's inputs in frame, picture": spox.build(
            {"picture": other}, {"rgba": op.identity(other)}
        ),
    }
    for words, model in kinds.items():
        onnx.helper.set_model_props(model, INFO.to_metadata())
        onnx.save(model, tmp_path / "g.onnx")
        with pytest.raises(InputError, match=words):
            opened(tmp_path / "g.onnx", cpu)


@pytest.mark.parametrize("kind", ["fixed", "text"])
def test_engines_of_graphs_that_serve_every_clip(
    kind: str, home: Path, tmp_path: Path, gpu: FakeGpu
) -> None:
    """Frames of one size are written into a memory network's graphs; a text encoder sees none."""
    path = saved(fixed_graph() if kind == "fixed" else text_graph(), tmp_path)
    size = " --size 96x64" if kind == "fixed" else ""
    words = f"no engine here is made of toy.onnx; .*toy.onnx --gpu sm89{size} --max-batch 1`$"
    with pytest.raises(MissingError, match=words):
        engine_for(path, 89, size=(720, 1280), batch=1, precision=None)
    height, width = (64, 96) if kind == "fixed" else (0, 0)
    entry = engine_of(path, profile=Profile(height, width, max_batch=1))
    assert engine_for(path, 89, size=(720, 1280), batch=1, precision=None) == entry
    assert engine_for(path, 89, size=(64, 96), batch=1, precision=None) == entry


def test_engines_of_an_older_label_are_still_found(home: Path, tmp_path: Path, gpu: FakeGpu) -> None:
    """Engines of such graphs used to be labelled with the clip's size."""
    for model in (fixed_graph(), text_graph()):
        path = saved(model, tmp_path)
        entry = engine_of(path, profile=Profile(height=720, width=1280, max_batch=1))
        assert engine_for(path, 89, size=(720, 1280), batch=1, precision=None) == entry
