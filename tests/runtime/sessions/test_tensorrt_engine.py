"""An engine is loaded, fed and run as TensorRT demands. What a real GPU does with it was not tried here."""

import hashlib
import inspect
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.engines.records import ENGINE, MANIFEST, RECIPE
from tests.runtime.sessions.doubles import (
    LAYERS,
    REPORTED,
    STANDS_FOR,
    Engine,
    FakeBuffer,
    FakeGpu,
    Inspector,
    Library,
)
from tests.runtime.sessions.graphs import BYTE, tensor_on
from trt_anime.engines import store
from trt_anime.engines.pruning import remove
from trt_anime.engines.store import Entry, kernels_file
from trt_anime.errors import EngineError, InputError, MissingError
from trt_anime.files import read_checked
from trt_anime.runtime.devices.api import Device, Tensor
from trt_anime.runtime.sessions.api import GpuDevice
from trt_anime.runtime.sessions.tensorrt_engine import TensorRtSession

FILE = kernels_file("RTX 4090")
FRAME = {"frame": (2, 64, 96, 3)}


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    library = Library(height=64, width=96, most=4)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", library.module("tensorrt_rtx"))
    monkeypatch.setitem(sys.modules, "tensorrt", library.module("tensorrt"))
    return library


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path))
    return store.install(MANIFEST, ENGINE)


@pytest.fixture
def gpu() -> FakeGpu:
    return FakeGpu()


@pytest.fixture
def session(entry: Entry, gpu: FakeGpu, library: Library) -> Iterator[TensorRtSession]:
    with opened(entry, gpu) as session:
        yield session


def opened(entry: Entry, gpu: FakeGpu) -> TensorRtSession:
    return TensorRtSession(entry, cast(GpuDevice, gpu), name="2a")


def tensors(gpu: FakeGpu, *, batch: int = 2) -> dict[str, Tensor]:
    device = cast(Device, gpu)
    sizes = {"frame": (batch, 64, 96, 3), "rgba": (batch, 64, 96, 4)}
    return {name: tensor_on(device, name, shape) for name, shape in sizes.items()}


def scratch(gpu: FakeGpu, size_bytes: int) -> Tensor:
    return tensor_on(cast(Device, gpu), "scratch", (size_bytes,))


def test_what_it_says_of_itself(session: TensorRtSession, entry: Entry) -> None:
    assert session.info == MANIFEST.info
    origin = session.origin
    assert (origin.file, origin.sha256) == (entry.engine, hashlib.sha256(ENGINE).hexdigest())
    assert (origin.library, origin.provider, origin.precision) == (
        "tensorrt_rtx 1.7.1",
        "TensorRT-RTX",
        "fp16",
    )
    assert session.shapes(FRAME) == {"rgba": (2, 64, 96, 4)}
    assert session.why_not_captured is None  # as far as is known before a run
    assert session.layer_information() == LAYERS


def test_layers_are_reported_once_asked_for(session: TensorRtSession, gpu: FakeGpu) -> None:
    given, room, stream = tensors(gpu), scratch(gpu, 8192), gpu.stream(name="run")
    told: list[tuple[str, float]] = []
    session.enqueue(given, stream=stream, scratch=room)
    session.report_layers(lambda name, ms: told.append((name, ms)))
    assert told == []
    session.enqueue(given, stream=stream, scratch=room)
    assert told == list(zip(REPORTED, (0.25, 1.25, 2.25), strict=True))


def test_layers_have_the_shapes_of_a_run(session: TensorRtSession, gpu: FakeGpu) -> None:
    session.enqueue(tensors(gpu), stream=gpu.stream(name="run"), scratch=scratch(gpu, 8192))
    assert session.layer_information() == LAYERS.replace("-1", "2")


@pytest.mark.parametrize(
    ("products", "graph", "precision"),
    [
        (None, {"float32": 1.0}, "fp32"),
        (None, {"float16": 0.5, "int8": 0.5}, "int8"),
        ({"float16": 1.0}, {"float16": 0.5, "int8": 0.5}, "fp16"),  # only weights were int8
        ({"float16": 0.25, "float8": 0.75}, {"float8": 1.0}, "fp8"),
    ],
)
def test_precision_is_what_was_found(
    gpu: FakeGpu,
    library: Library,
    entry: Entry,
    products: dict[str, float] | None,
    graph: dict[str, float],
    precision: str,
) -> None:
    manifest = replace(MANIFEST, product_precision=products, graph_precision=graph)
    assert opened(Entry(entry.folder, manifest), gpu).origin.precision == precision


def test_a_run(session: TensorRtSession, gpu: FakeGpu, library: Library) -> None:
    bound, memory = tensors(gpu), scratch(gpu, 8192)
    stream = gpu.stream(name="compute")
    before = gpu.times_made_current
    session.enqueue(bound, stream=stream, scratch=memory)
    assert session.why_not_captured is None
    context = library.contexts[-1]
    assert gpu.times_made_current == before + 1
    assert context._shapes == {"frame": (2, 64, 96, 3)}
    assert context._addresses == {name: tensor.pointer for name, tensor in bound.items()}
    assert context._memory == (memory.pointer, 8192)
    assert context._streams == [stream.handle]


def test_a_context_never_changes(session: TensorRtSession, gpu: FakeGpu, library: Library) -> None:
    """A captured graph goes on using the one that it was captured from."""
    slots = [tensors(gpu), tensors(gpu)]
    memory, stream, other = scratch(gpu, 16384), gpu.stream(name="a"), gpu.stream(name="b")
    for _ in range(3):
        for slot in slots:
            session.enqueue(slot, stream=stream, scratch=memory)
    assert [context._streams for context in library.contexts] == [[stream.handle] * 3] * 2
    half = {name: tensor.rows(1) for name, tensor in slots[0].items()}
    session.enqueue(half, stream=stream, scratch=memory)
    session.enqueue(slots[0], stream=other, scratch=memory)
    session.enqueue(slots[0], stream=stream, scratch=scratch(gpu, 16384))
    assert len(library.contexts) == 5
    assert library.contexts[0]._addresses == {name: item.pointer for name, item in slots[0].items()}


def test_scratch_is_asked_for_by_shape(session: TensorRtSession, gpu: FakeGpu, library: Library) -> None:
    assert session.scratch_bytes(FRAME) == session.scratch_bytes(FRAME) == 8192
    assert len(library.contexts) == 1
    # What the context put on the stream is done before it goes.
    assert gpu.calls == [("record", "2a planned", "2a planning"), ("synchronize", "2a planned")]
    assert session.scratch_bytes({"frame": (4, 64, 96, 3)}) == 16384
    stream = gpu.stream(name="compute")
    for memory, got in ((None, 0), (scratch(gpu, 8191), 8191)):
        with pytest.raises(ValueError, match=f"needs 8192 bytes of scratch memory and got {got}"):
            session.enqueue(tensors(gpu), stream=stream, scratch=memory)
    odd = Tensor(FakeBuffer("odd", 9000, 0x10080), (9000,), BYTE)
    with pytest.raises(ValueError, match="aligned to 256 bytes"):
        session.enqueue(tensors(gpu), stream=stream, scratch=odd)


def test_an_engine_that_needs_no_scratch(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    library.needs_bytes = 0
    with opened(entry, gpu) as session:
        assert session.scratch_bytes(FRAME) == 0
        session.enqueue(tensors(gpu), stream=gpu.stream(name="compute"), scratch=None)
    assert library.contexts[-1]._memory is None


@pytest.mark.parametrize("shape", [(5, 64, 96, 3), (1, 64, 128, 3), (1, 32, 96, 3), (0, 64, 96, 3)])
def test_shapes_outside_the_profile(session: TensorRtSession, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"engine\.plan: .*engine for this size"):
        session.shapes({"frame": shape})


def test_an_engine_that_does_not_load(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    library.loads = False
    with pytest.raises(EngineError) as raised:
        opened(entry, gpu)
    assert str(raised.value) == (
        f"{entry.engine}: TensorRT-RTX can't load it on RTX 4090 (engine plan file is not compatible);"
        " build it again with `trt-anime engines build`"
    )


def test_a_run_that_is_refused(session: TensorRtSession, gpu: FakeGpu, library: Library) -> None:
    library.runs = False
    with pytest.raises(EngineError, match=r"TensorRT-RTX could not run \(nothing is right\)"):
        session.enqueue(tensors(gpu), stream=gpu.stream(name="compute"), scratch=scratch(gpu, 8192))


def test_what_can_not_be_captured(session: TensorRtSession, gpu: FakeGpu, library: Library) -> None:
    library.capturable = False
    session.enqueue(tensors(gpu), stream=gpu.stream(name="compute"), scratch=scratch(gpu, 8192))
    assert session.why_not_captured == "TensorRT-RTX says that this engine can't be captured"


def test_scratch_that_can_not_be_sized(session: TensorRtSession, gpu: FakeGpu, library: Library) -> None:
    """The library says 0 then, as it does for an engine that needs none."""
    library.sizes = False
    for call in (
        lambda: session.scratch_bytes(FRAME),
        lambda: session.enqueue(tensors(gpu), stream=gpu.stream(name="compute"), scratch=None),
    ):
        with pytest.raises(EngineError, match=r"could not size its scratch memory \(nothing is right\)"):
            call()


def test_scratch_that_is_refused(session: TensorRtSession, gpu: FakeGpu, library: Library) -> None:
    library.takes_scratch = False
    with pytest.raises(EngineError, match=r"refused its scratch memory \(nothing is right\)"):
        session.enqueue(tensors(gpu), stream=gpu.stream(name="compute"), scratch=scratch(gpu, 8192))


def test_an_earlier_reason_is_not_told_again(
    session: TensorRtSession, gpu: FakeGpu, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_a_run_that_is_refused(session, gpu, library)
    library.needs_bytes = 0
    assert session.scratch_bytes(FRAME) == 0
    test_a_run_that_is_refused(session, gpu, library)
    monkeypatch.setattr(type(session._engine), "create_execution_context", lambda self, config: None)
    with pytest.raises(EngineError, match=r"gave no context \(it gave no reason\); build it again"):
        session.scratch_bytes({"frame": (1, 64, 96, 3)})


@pytest.mark.parametrize(
    "reason",
    [
        "Error Code 2: OutOfMemory (Requested size was 4096 bytes.)",
        "Error Code 1: Cuda Runtime (out of memory)",
        "CUDA_ERROR_OUT_OF_MEMORY",
        "cudaErrorMemoryAllocation",
    ],
)
def test_a_full_gpu_needs_no_other_engine(
    session: TensorRtSession, gpu: FakeGpu, library: Library, reason: str
) -> None:
    library.runs, library.reason = False, reason
    with pytest.raises(EngineError, match=r"; close other programs .*, or lower --batch-size$"):
        session.enqueue(tensors(gpu), stream=gpu.stream(name="compute"), scratch=scratch(gpu, 8192))


def test_what_failed_is_freed(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    """The traceback outlives the session, whose device is closed on the error's way up."""
    library.runs = False
    with pytest.raises(EngineError) as raised, opened(entry, gpu) as session:
        session.enqueue(tensors(gpu), stream=gpu.stream(name="compute"), scratch=scratch(gpu, 8192))
    library.contexts.clear()
    assert raised.value.__traceback__ and not library.living


@pytest.mark.parametrize("method", ["create_runtime_config", "get_tensor_dtype"])
def test_what_failed_when_opening_is_freed(
    entry: Entry, gpu: FakeGpu, library: Library, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(Engine, method, lambda *arguments: None)
    with pytest.raises((EngineError, KeyError)) as raised:
        opened(entry, gpu)
    assert raised.value.__traceback__ and not library.living


def test_a_context_that_is_refused(
    session: TensorRtSession, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = session._engine
    monkeypatch.setattr(type(engine), "create_execution_context", lambda self, config: None)
    with pytest.raises(EngineError, match=r"gave no context \(it gave no reason\)"):
        session.scratch_bytes(FRAME)


def test_a_damaged_engine(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    entry.engine.write_bytes(ENGINE[::-1])
    with pytest.raises(EngineError, match=r"engine\.plan: is not the file that its manifest describes"):
        opened(entry, gpu)
    entry.engine.unlink()
    with pytest.raises(MissingError, match=r"engine\.plan: can't be read .*`trt-anime engines build`"):
        opened(entry, gpu)


def test_the_library_refuses_by_name(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    library.validity = ("invalid", 1)
    with pytest.raises(EngineError) as raised:
        opened(entry, gpu)
    assert str(raised.value) == (
        f"{entry.engine}: TensorRT-RTX refuses it: version mismatch; build it again with"
        " `trt-anime engines build`"
    )
    assert not library.living
    library.validity = ("suboptimal", 4)
    with opened(entry, gpu) as session:
        (notice,) = session.notices
        assert "is not at its best: old cuda driver; update the NVIDIA driver" in notice


def test_running_an_engine_counts_as_use(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    manifest = entry.folder / "manifest.json"
    os.utime(manifest, (0, 0))
    library.loads = False
    with pytest.raises(EngineError):
        opened(entry, gpu)
    assert manifest.stat().st_mtime == 0
    library.loads = True
    opened(entry, gpu).close()
    assert manifest.stat().st_mtime > 0


# Call of the library -> what it gives where it fails.
SILENT: dict[str, Any] = {
    "get_tensor_name": None,
    "get_tensor_dtype": "logged",
    "get_tensor_shape": "logged",
    "get_tensor_mode": "logged",
    "create_runtime_config": None,
}


@pytest.mark.parametrize("method", SILENT)
def test_every_call_of_loading_that_can_fail(
    entry: Entry, gpu: FakeGpu, library: Library, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    original = getattr(Engine, method)

    def fail(self: Engine, *arguments: Any) -> Any:
        library.fail()
        return original(self, *arguments) if SILENT[method] == "logged" else SILENT[method]

    monkeypatch.setattr(Engine, method, fail)
    with pytest.raises(EngineError, match=r"engine\.plan: TensorRT-RTX .+ \(nothing is right\); build it"):
        opened(entry, gpu)
    assert not library.living


@pytest.mark.parametrize("result", [None, []])
def test_an_input_without_a_profile(
    session: TensorRtSession, monkeypatch: pytest.MonkeyPatch, result: object
) -> None:
    monkeypatch.setattr(Engine, "get_tensor_profile_shape", lambda self, name, profile_index: result)
    with pytest.raises(EngineError, match="doesn't know the shapes of `frame`"):
        session.shapes(FRAME)


@pytest.mark.parametrize("kind", ["inspector", "information"])
def test_layers_that_are_not_told(
    session: TensorRtSession, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "inspector":
        monkeypatch.setattr(Engine, "create_engine_inspector", lambda self: None)
    else:
        monkeypatch.setattr(Inspector, "get_engine_information", lambda self, format: None)
    with pytest.raises(EngineError, match=r"(gave no inspector|lists no layers) \(it gave no reason\)"):
        session.layer_information()


def test_two_processes_keep_the_larger_cache(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    """TensorRT-RTX can't merge them."""
    one, other = opened(entry, gpu), opened(entry, gpu)
    library.cache_bytes = b"many kernels"
    one.close()
    library.cache_bytes = b"a kernel"
    other.close()
    assert read_checked(entry.folder / FILE) == b"many kernels"
    third, fourth = opened(entry, gpu), opened(entry, gpu)
    library.cache_bytes = b"many, many kernels"
    third.close()
    library.cache_bytes = b"many, many, many kernels"
    fourth.close()
    assert read_checked(entry.folder / FILE) == b"many, many, many kernels"


def test_a_cache_that_shrank_replaces_what_it_came_from(
    entry: Entry, gpu: FakeGpu, library: Library
) -> None:
    """A new driver's begins anew."""
    opened(entry, gpu).close()
    library.cache_bytes = b"few"
    opened(entry, gpu).close()
    assert read_checked(entry.folder / FILE) == b"few"


def test_an_engine_that_is_removed_while_it_runs(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    with opened(entry, gpu):
        remove(entry)
    assert not entry.folder.exists()


def test_compiled_kernels_are_kept(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    with opened(entry, gpu) as session:
        assert session.notices == []
        assert library.configs[-1].dynamic_shapes_kernel_specialization_strategy == "eager"
        assert library.configs[-1]._cache is not None
    assert library.taken == []
    kept = (entry.folder / FILE).stat()
    with opened(entry, gpu) as session:
        assert session.notices == [] and library.taken == [b"kernels"]
    assert (entry.folder / FILE).stat().st_ino == kept.st_ino  # nothing new, not written again
    library.cache_bytes = b"more kernels"
    opened(entry, gpu).close()
    opened(entry, gpu).close()
    assert library.taken[-1] == b"more kernels"
    assert store.find(RECIPE) == entry


@pytest.mark.parametrize("content", [b"", b"short", bytes(32) + b"kernels"])
def test_a_damaged_cache_is_ignored_aloud(
    entry: Entry, gpu: FakeGpu, library: Library, content: bytes
) -> None:
    (entry.folder / FILE).write_bytes(content)
    with opened(entry, gpu) as session:
        assert session.notices == [
            f"{entry.folder / FILE}: is damaged and was ignored; kernels are compiled again"
        ]
    assert library.taken == []
    opened(entry, gpu)
    assert library.taken == [b"kernels"]


def test_a_cache_of_another_gpu(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    opened(entry, gpu).close()
    library.cache_fits = False
    (notice,) = opened(entry, gpu).notices
    assert "was made by another driver or TensorRT-RTX" in notice


def test_each_kind_of_gpu_has_its_own_cache(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    """Two cards may share a target and differ in which kernels are the fastest."""
    opened(entry, gpu).close()
    gpu.info = replace(gpu.info, name="NVIDIA L4")
    with opened(entry, gpu) as session:
        assert session.notices == [] and library.taken == []
    assert (entry.folder / "runtime-rtx-4090.cache").is_file()
    assert (entry.folder / "runtime-nvidia-l4.cache").is_file()


@pytest.mark.parametrize("lack", ["makes_cache", "takes_cache"])
def test_a_library_without_a_cache(entry: Entry, gpu: FakeGpu, library: Library, lack: str) -> None:
    setattr(library, lack, False)
    with opened(entry, gpu) as session:
        (notice,) = session.notices
        assert "TensorRT-RTX takes no cache; kernels are compiled in every run" in notice
    assert not (entry.folder / FILE).exists()


@pytest.mark.parametrize("given", [None, RuntimeError("the device is lost")])
def test_nothing_to_keep(entry: Entry, gpu: FakeGpu, library: Library, given: Exception | None) -> None:
    """Neither an error of its own, nor an engine that stays."""
    library.cache_bytes = given
    with pytest.raises(KeyError), opened(entry, gpu):
        raise KeyError("the real error")
    assert not (entry.folder / FILE).exists() and not library.living


def test_closing_on_a_lost_device(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    session = opened(entry, gpu)
    gpu.lost = True
    session.close()
    assert not library.living


def test_a_store_that_can_not_be_written(
    entry: Entry, gpu: FakeGpu, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened(entry, gpu)

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    session.close()
    assert not (entry.folder / FILE).exists()


def test_tensorrt_has_no_cache(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    manifest = replace(MANIFEST, recipe=replace(RECIPE, target="trt-sm89"))
    with opened(Entry(entry.folder, manifest), gpu) as session:
        assert session.origin.provider == "TensorRT"
        assert session.origin.library == "tensorrt 1.7.1"
        assert library.configs[-1].dynamic_shapes_kernel_specialization_strategy == "lazy"
    assert not (entry.folder / FILE).exists()


def test_closing_frees_the_engine(entry: Entry, gpu: FakeGpu, library: Library) -> None:
    session = opened(entry, gpu)
    session.scratch_bytes(FRAME)
    session.close()
    assert session._engine is None and session._runtime is None
    session.close()


def test_the_real_library_refuses_what_is_no_engine(entry: Entry, gpu: FakeGpu) -> None:
    pytest.importorskip("tensorrt_rtx")
    with pytest.raises(
        EngineError, match=r"engine\.plan: TensorRT-RTX refuses it: malformed engine; build it again"
    ):
        opened(entry, gpu)


@pytest.mark.parametrize("name", STANDS_FOR)
def test_the_double_has_nothing_that_the_library_lacks(name: str) -> None:
    real = getattr(pytest.importorskip("tensorrt_rtx"), name)
    for attribute, member in vars(STANDS_FOR[name]).items():
        if attribute.startswith("_"):
            continue
        assert hasattr(real, attribute), attribute
        if inspect.isfunction(member):
            documented = getattr(real, attribute).__doc__
            signatures = re.findall(rf"{attribute}\((self: .*)\) ->", documented)
            ours = list(inspect.signature(member).parameters)[1:]
            assert ours in [re.findall(r", (\w+): ", signature) for signature in signatures], documented
    assert name != "IExecutionContext" or hasattr(real, "profiler")
    assert name != "IRuntimeConfig" or hasattr(real, "dynamic_shapes_kernel_specialization_strategy")


def test_the_module_has_what_the_session_takes_from_it() -> None:
    real = pytest.importorskip("tensorrt_rtx")
    for name, value in vars(Library(height=1, width=1, most=1).module("x")).items():
        assert hasattr(real, name)
        for member in vars(value) if name[0].isupper() and not isinstance(value, type) else ():
            assert hasattr(getattr(real, name), member), f"{name}.{member}"
    assert real.nptype(real.DataType.UINT8) == BYTE
