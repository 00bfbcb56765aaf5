"""The `cuda` device on a driver that keeps CUDA's rules, and that the driver is like the real one."""

import ctypes
import importlib
import inspect
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.runtime.devices.cuda_fake import CONTEXT, SUCCESS, TOTAL_BYTES, FakeDriver
from trt_anime.errors import EngineError, MissingError, TrtAnimeError
from trt_anime.runtime.devices import cuda_device, cuda_driver, cuda_resources, interop
from trt_anime.runtime.devices.api import Device, Tensor
from trt_anime.runtime.devices.cuda_device import CudaDevice
from trt_anime.runtime.devices.cuda_driver import CURES, LOST, CudaInfo, Driver, cuda_devices, load_driver

BYTES = np.dtype(np.uint8)


@pytest.fixture
def fake() -> FakeDriver:
    return FakeDriver()


@pytest.fixture
def device(fake: FakeDriver) -> Iterator[CudaDevice]:
    with CudaDevice(driver=load_driver(fake)) as opened:
        yield opened
    assert fake.left == 0
    assert fake.retained == 0


def pinned(device: CudaDevice, values: bytes, name: str = "host") -> Tensor:
    tensor = Tensor(device.allocate_pinned(len(values), name=name), (len(values),), BYTES)
    with device.writing(tensor) as array:
        array[:] = np.frombuffer(values, np.uint8)
    return tensor


def contents(device: CudaDevice, tensor: Tensor) -> bytes:
    with device.reading(tensor) as array:
        return array.tobytes()


def test_is_a_device(device: CudaDevice) -> None:
    kept: Device = device
    assert (kept.name, kept.title, kept.memory().total) == ("cuda:0", "GPU 0", TOTAL_BYTES)


def test_bytes_go_to_the_device_and_back(device: CudaDevice) -> None:
    source, target = pinned(device, b"abcdef"), pinned(device, b"------")
    on_gpu = Tensor(device.allocate(6, name="gpu"), (6,), BYTES)
    stream = device.stream(name="line")
    device.copy(on_gpu, source, stream=stream)
    device.copy(target.rows(2), Tensor(on_gpu.buffer, (2,), BYTES, offset_bytes=3), stream=stream)
    assert contents(device, target) == b"de----"


def test_copy_of_another_size(device: CudaDevice, fake: FakeDriver) -> None:
    source, target = pinned(device, b"abcdef", "six"), pinned(device, b"----", "four")
    stream = device.stream(name="line")
    with pytest.raises(ValueError, match="four takes 4 bytes, but six gives 6"):
        device.copy(target, source, stream=stream)
    device.copy(target.rows(0), source.rows(0), stream=stream)
    assert "cuMemcpyAsync" not in dict(fake.calls)
    assert contents(device, target) == b"----"


def test_reading_is_read_only_and_neither_takes_device_memory(device: CudaDevice) -> None:
    host = pinned(device, b"abcd")
    with device.reading(host) as array, pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    with device.writing(host) as array:
        array[:] = 7
    assert contents(device, host) == bytes([7] * 4)
    on_gpu = Tensor(device.allocate(4, name="slot 0 frame"), (4,), BYTES)
    for access in (device.reading, device.writing):
        with pytest.raises(ValueError, match="'slot 0 frame' is device memory"), access(on_gpu):
            pass


def test_views_have_the_tensors_type_and_place(device: CudaDevice) -> None:
    buffer = device.allocate_pinned(16, name="host")
    whole = Tensor(buffer, (16,), BYTES)
    with device.writing(Tensor(buffer, (2, 2), np.dtype("<u2"), offset_bytes=4)) as array:
        array[:] = [[1, 2], [3, 4]]
    with device.reading(whole) as array:
        assert array[4:12].tolist() == [1, 0, 2, 0, 3, 0, 4, 0]


def test_pinned_for_every_gpu(device: CudaDevice, fake: FakeDriver) -> None:
    device.allocate_pinned(8, name="host")
    assert dict(fake.calls)["cuMemHostAlloc"] == (8, fake.CU_MEMHOSTALLOC_PORTABLE)


def test_nothing_can_be_allocated(device: CudaDevice) -> None:
    for buffer in (device.allocate(0, name="a"), device.allocate_pinned(0, name="b")):
        assert buffer.size_bytes == 0
        buffer.close()


def test_streams_do_not_wait_for_the_default_stream(device: CudaDevice, fake: FakeDriver) -> None:
    stream = device.stream(name="line")
    assert dict(fake.calls)["cuStreamCreate"] == (fake.CUstream_flags.CU_STREAM_NON_BLOCKING,)
    assert stream.handle in fake.streams


def test_events(device: CudaDevice, fake: FakeDriver) -> None:
    start, end = (device.event(name=name, timing=True) for name in ("start", "end"))
    plain = device.event(name="plain")
    # Blocking: a thread that waits sleeps. Without timing an event is cheaper.
    assert [fake.events[event.handle].flags for event in (start, plain)] == [1, 3]
    stream, other = device.stream(name="line"), device.stream(name="other")
    device.record(start, stream=stream)
    device.record(end, stream=stream)
    device.wait(end, stream=other)
    assert dict(fake.calls)["cuStreamWaitEvent"] == (other.handle, end.handle, 0)
    device.synchronize(end)
    assert device.elapsed_s(start, end) == 0.001
    with pytest.raises(ValueError, match="'plain' was made without timing"):
        device.elapsed_s(start, plain)
    with fake.answering("cuEventQuery", "CUDA_ERROR_NOT_READY"):
        assert not device.is_done(end)
    assert device.is_done(end)


def test_every_thread_gets_the_context(device: CudaDevice, fake: FakeDriver) -> None:
    stream, event = device.stream(name="line"), device.event(name="mark")
    seen: list[object] = []

    def work() -> None:
        device.record(event, stream=stream)
        device.allocate(4, name="from a thread").close()
        seen.append(fake.contexts[threading.get_ident()])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [CONTEXT]


def test_another_context_in_between(device: CudaDevice, fake: FakeDriver) -> None:
    """Another library, or a second device of ours, made its own context current."""
    fake.contexts[threading.get_ident()] = 0xBAD
    device.memory()
    assert fake.contexts[threading.get_ident()] == CONTEXT


def test_graph(device: CudaDevice) -> None:
    source, target = pinned(device, b"abcd"), pinned(device, b"----")
    stream = device.stream(name="line")
    with device.capture(stream=stream) as captured:
        device.copy(target, source, stream=stream)
        with pytest.raises(EngineError, match="no graph before its block has ended"):
            captured()
    assert contents(device, target) == b"----"
    graph = captured()
    graph.launch(stream=stream)
    assert contents(device, target) == b"abcd"
    graph.close()
    graph.close()
    with pytest.raises(EngineError, match="'graph of line' is used after it was closed"):
        graph.launch(stream=stream)


def test_graph_over_two_streams(device: CudaDevice) -> None:
    source, target = pinned(device, b"abcd"), pinned(device, b"----")
    stream, side = device.stream(name="line"), device.stream(name="side")
    fork, join = device.event(name="fork"), device.event(name="join")
    with device.capture(stream=stream) as captured:
        device.record(fork, stream=stream)
        device.wait(fork, stream=side)
        device.copy(target, source, stream=side)
        device.record(join, stream=side)
        device.wait(join, stream=stream)
    assert contents(device, target) == b"----"
    captured().launch(stream=stream)
    assert contents(device, target) == b"abcd"


def _usable(device: CudaDevice, stream: cuda_resources.CudaStream) -> bool:
    source, target = pinned(device, b"abcd"), pinned(device, b"----")
    device.copy(target, source, stream=stream)
    with device.capture(stream=stream) as captured:
        device.copy(source, target, stream=stream)
    captured().close()
    return contents(device, target) == b"abcd"


@pytest.mark.parametrize("what", ["allocates", "waits for the host", "raises"])
def test_capture_that_fails_leaves_the_stream_usable(
    device: CudaDevice, fake: FakeDriver, what: str
) -> None:
    stream, event = device.stream(name="line"), device.event(name="mark")
    expected: type[Exception] = KeyError if what == "raises" else EngineError
    with pytest.raises(expected), device.capture(stream=stream):
        if what == "allocates":
            device.allocate(4, name="late")
        elif what == "waits for the host":
            device.synchronize(event)
        else:
            raise KeyError
    assert not fake.graphs
    assert _usable(device, stream)


def test_capture_invalidated_behind_our_back(device: CudaDevice, fake: FakeDriver) -> None:
    """A library swallows the error of a call that a capture forbids: its end tells."""
    stream = device.stream(name="line")
    expected = "cuda:0: capture on line: CUDA_ERROR_STREAM_CAPTURE_INVALIDATED .* without CUDA graphs"
    with pytest.raises(EngineError, match=expected), device.capture(stream=stream):
        code, _ = device.driver.attempt("cuMemAlloc", 4)
        assert code.name == "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"
    assert _usable(device, stream)


def test_capture_that_forgets_a_stream(device: CudaDevice) -> None:
    stream, side, fork = device.stream(name="line"), device.stream(name="side"), device.event(name="fork")
    with pytest.raises(EngineError, match="STREAM_CAPTURE_UNJOINED"), device.capture(stream=stream):
        device.record(fork, stream=stream)
        device.wait(fork, stream=side)
    assert _usable(device, stream)
    assert _usable(device, side)


def test_graph_that_cannot_be_instantiated(device: CudaDevice, fake: FakeDriver) -> None:
    stream = device.stream(name="line")
    with (
        fake.answering("cuGraphInstantiate", "CUDA_ERROR_INVALID_VALUE"),
        pytest.raises(EngineError, match="capture on line: CUDA_ERROR_INVALID_VALUE"),
        device.capture(stream=stream),
    ):
        pass
    assert not fake.graphs
    assert _usable(device, stream)


def test_out_of_memory_has_both_numbers(device: CudaDevice) -> None:
    device.allocate(48_576, name="first")
    with pytest.raises(
        MissingError, match="second: needs 2,500,000 bytes, but 'cuda:0' has 1,000,000 free; lower"
    ):
        device.allocate(2_500_000, name="second")
    with pytest.raises(MissingError, match="third: the system doesn't pin 2,500,000 bytes"):
        device.allocate_pinned(2_500_000, name="third")


@pytest.mark.parametrize("code", sorted(CURES))
def test_every_code_has_name_words_and_cure(fake: FakeDriver, code: str) -> None:
    device = CudaDevice(driver=load_driver(fake))
    with fake.answering("cuEventSynchronize", code), pytest.raises(EngineError) as caught:
        device.synchronize(device.event(name="slot 1 done"))
    message = str(caught.value)
    assert message == f"cuda:0: waiting for slot 1 done: {code} (words for {code}); {CURES[code]}"
    device.close()


@pytest.mark.parametrize("code", sorted(LOST))
def test_lost_memory_fails_every_later_call(fake: FakeDriver, code: str) -> None:
    device = CudaDevice(driver=load_driver(fake))
    host, event = pinned(device, b"abcd"), device.event(name="mark")
    with fake.answering("cuEventSynchronize", code), pytest.raises(EngineError) as first:
        device.synchronize(event)
    for call in (lambda: device.is_done(event), device.memory, lambda: contents(device, host)):
        with pytest.raises(EngineError) as later:
            call()
        assert str(later.value) == str(first.value)
    with fake.answering("cuCtxSynchronize", code):
        device.close()  # has been told already
    assert fake.left == 0


def test_lost_memory_is_more_than_an_error(fake: FakeDriver) -> None:
    assert "CUDA_ERROR_ILLEGAL_ADDRESS" in LOST
    assert "CUDA_ERROR_OUT_OF_MEMORY" not in LOST
    assert "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED" not in LOST


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("CUDA_ERROR_DEVICE_UNAVAILABLE", MissingError),
        ("CUDA_ERROR_OUT_OF_MEMORY", MissingError),
        ("CUDA_ERROR_INVALID_VALUE", EngineError),
    ],
)
def test_a_gpu_without_place(fake: FakeDriver, code: str, kind: type[TrtAnimeError]) -> None:
    """So that `--device auto` goes on without it, aloud."""
    with fake.answering("cuDevicePrimaryCtxRetain", code), pytest.raises(kind, match=f"cuda:0: {code}"):
        CudaDevice(driver=load_driver(fake))


def test_make_current(device: CudaDevice, fake: FakeDriver) -> None:
    """Nothing but that, as it is called while a stream is captured."""
    fake.contexts.clear()
    fake.calls.clear()
    device.make_current()
    assert [name for name, _ in fake.calls] == ["cuCtxSetCurrent"]
    assert list(fake.contexts.values()) == [CONTEXT]
    device.close()
    with pytest.raises(EngineError, match="is closed"):
        device.make_current()


def test_code_without_a_cure(device: CudaDevice, fake: FakeDriver) -> None:
    with (
        fake.answering("cuMemGetInfo", "CUDA_ERROR_INVALID_HANDLE"),
        pytest.raises(EngineError, match=r"CUDA_ERROR_INVALID_HANDLE .*; report it"),
    ):
        device.memory()


def test_close_frees_all_once(fake: FakeDriver) -> None:
    device = CudaDevice(driver=load_driver(fake))
    buffer = device.allocate(8, name="gpu")
    host, stream, event = pinned(device, b"abcd"), device.stream(name="line"), device.event(name="mark")
    with device.capture(stream=stream) as captured:
        device.copy(host, host, stream=stream)
    graph = captured()
    freed = device.allocate(8, name="freed")
    freed.close()
    assert fake.left == 5
    device.close()
    assert (fake.left, fake.retained) == (0, 0)
    names = [name for name, _ in fake.calls]
    first_freed = min(names.index(name) for name in ("cuStreamDestroy", "cuMemFreeHost"))
    assert names.index("cuCtxSynchronize") < first_freed
    assert fake.contexts[threading.get_ident()] is None
    count = len(fake.calls)
    for close in (device.close, buffer.close, graph.close, freed.close):
        close()
    assert len(fake.calls) == count
    for call in (
        lambda: device.record(event, stream=stream),
        lambda: device.allocate(1, name="late"),
        device.memory,
        lambda: contents(device, host),
        lambda: device.capture(stream=stream).__enter__(),
        lambda: graph.launch(stream=stream),
        lambda: buffer.pointer,
    ):
        with pytest.raises(EngineError, match="closed"):
            call()
    assert len(fake.calls) == count


def test_close_frees_all_though_work_failed(fake: FakeDriver) -> None:
    device = CudaDevice(driver=load_driver(fake))
    device.allocate(8, name="gpu")
    with (
        fake.answering("cuCtxSynchronize", "CUDA_ERROR_LAUNCH_FAILED"),
        pytest.raises(EngineError, match="cuda:0: closing: CUDA_ERROR_LAUNCH_FAILED"),
    ):
        device.close()
    assert (fake.left, fake.retained) == (0, 0)


def test_the_first_error_is_told(fake: FakeDriver) -> None:
    with (
        fake.answering("cuCtxSynchronize", "CUDA_ERROR_LAUNCH_FAILED"),
        pytest.raises(KeyError),
        CudaDevice(driver=load_driver(fake)),
    ):
        raise KeyError
    assert fake.retained == 0


def test_events_of_another_device(device: CudaDevice) -> None:
    with CudaDevice(driver=load_driver(FakeDriver())) as other:
        mark = other.event(name="mark")
        with pytest.raises(EngineError, match="'mark' was made by another device"):
            device.synchronize(mark)


def test_which_gpu() -> None:
    fake = FakeDriver(gpus=2)
    driver = load_driver(fake)
    assert cuda_devices(driver) == [CudaInfo(n, f"GPU {n}", 89, TOTAL_BYTES) for n in (0, 1)]
    with CudaDevice(1, driver=driver) as device:
        assert (device.name, device.title, device.ordinal) == ("cuda:1", "GPU 1", 1)
        device.memory()
        assert fake.contexts[threading.get_ident()] == CONTEXT + 1
    for ordinal in (2, -1):
        with pytest.raises(MissingError, match=f"cuda:{ordinal}: isn't among the 2 GPUs"):
            CudaDevice(ordinal, driver=driver)


def test_no_gpu() -> None:
    with pytest.raises(MissingError, match=r"CUDA_ERROR_NO_DEVICE .*CUDA_VISIBLE_DEVICES"):
        load_driver(FakeDriver(gpus=0))


def test_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingError, match=r"needs cuda-python .*pip install 'trt-anime\[gpu\]'"):
        load_driver()
    assert cuda_devices() == []


class Absent(FakeDriver):
    """As cuda-python behaves: it finds libcuda, or a function in it, at the call."""

    def cuInit(self, Flags: int) -> None:  # noqa: N802, N803 - CUDA's names
        raise RuntimeError('"cuda" is an NVIDIA driver library')

    def cuMemGetInfo(self) -> tuple[int, int]:  # noqa: N802
        raise RuntimeError('Function "cuMemGetInfo" not found')

    def cuCtxSynchronize(self) -> None:  # noqa: N802
        raise ValueError("12345 is not a valid CUresult")


def test_no_driver() -> None:
    with pytest.raises(MissingError, match=r"no NVIDIA driver answers .* library\)"):
        load_driver(Absent())


def test_driver_older_or_newer_than_the_package() -> None:
    driver = Driver(Absent())
    driver.call("cuCtxSetCurrent", CONTEXT, doing="test")
    with pytest.raises(MissingError, match=r"cuMemGetInfo: .* not found; update the NVIDIA driver"):
        driver.attempt("cuMemGetInfo")
    with pytest.raises(EngineError, match="12345 is not a valid CUresult to cuda-python"):
        driver.attempt("cuCtxSynchronize")


def called_functions() -> set[str]:
    sources = [
        Path(inspect.getfile(module)) for module in (cuda_device, cuda_driver, cuda_resources, interop)
    ]
    return {name for path in sources for name in re.findall(r'"(cu[A-Z]\w+)"', path.read_text())}


def test_fake_has_what_is_called() -> None:
    found = {name for name in dir(FakeDriver) if re.match(r"cu[A-Z]", name)}
    assert called_functions() == found


@pytest.mark.parametrize("name", sorted(called_functions()))
def test_fake_is_like_the_real_driver(name: str) -> None:
    """Same parameters, and as many results: cuda-python says both in its docstrings."""
    real = pytest.importorskip("cuda.bindings.driver", exc_type=ImportError)
    first, _, rest = getattr(real, name).__doc__.partition("\n")
    words = re.search(r"\((.*)\)", first)
    assert words
    parameters = [word.partition(":")[0].split()[-1] for word in words[1].split(", ") if word]
    results = re.search(r"\nReturns\n-+\nCUresult\n(.*?)(\n\n[A-Z]|$)", rest, re.DOTALL)
    assert results
    named = re.findall(r"^\w+ : ", results[1], re.MULTILINE)

    own = inspect.signature(getattr(FakeDriver, name))
    assert [parameter for parameter in own.parameters if parameter != "self"] == parameters
    counts = {"None": 0, "tuple[int, int]": 2}
    assert counts.get(inspect.formatannotation(own.return_annotation), 1) == len(named)


def test_real_driver_has_the_constants() -> None:
    real = pytest.importorskip("cuda.bindings.driver", exc_type=ImportError)
    assert int(real.CUresult.CUDA_SUCCESS) == SUCCESS
    assert set(CURES) <= {code.name for code in real.CUresult}
    assert real.CU_MEMHOSTALLOC_PORTABLE == FakeDriver.CU_MEMHOSTALLOC_PORTABLE
    for kind in (
        FakeDriver.CUdevice_attribute,
        FakeDriver.CUpointer_attribute,
        FakeDriver.CUstream_flags,
        FakeDriver.CUevent_flags,
        FakeDriver.CUstreamCaptureMode,
    ):
        values = {name: value for name, value in vars(kind).items() if name.startswith("CU_")}
        ours = getattr(real, kind.__name__)
        assert values == {name: int(getattr(ours, name)) for name in values}


def test_bindings_without_a_driver() -> None:
    """The error of the real package is the one that `no driver` is made of."""
    pytest.importorskip("cuda.bindings.driver", exc_type=ImportError)
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        with pytest.raises(MissingError, match="no NVIDIA driver answers"):
            load_driver()
    else:
        pytest.skip("this machine has a driver")
