"""What a CUDA device must do, checked on the device itself. Each check says what it saw."""

import importlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu.kernel import THREADS, Halving, halved
from benchmarks.gpu.pipeline import pipeline
from trt_anime.errors import EngineError, MissingError
from trt_anime.runtime.devices.api import Buffer, Stream, Tensor
from trt_anime.runtime.devices.cuda_device import CudaDevice
from trt_anime.runtime.devices.interop import array_from_tensor, tensor_from_array

Check = Callable[[CudaDevice], str]

_BYTE = np.dtype(np.uint8)
_FLOAT = np.dtype(np.float32)


def copies(device: CudaDevice) -> str:
    size_bytes = 8_000_001
    sent = np.random.default_rng(1).integers(0, 256, size_bytes, dtype=np.uint8)
    source, target = (_bytes(device.allocate_pinned(size_bytes, name=n)) for n in ("sent", "got"))
    there, copied = (_bytes(device.allocate(size_bytes, name=n)) for n in ("there", "copied"))
    with device.writing(source) as array:
        array[:] = sent
    stream = device.stream(name="copies")
    for to, of in ((there, source), (copied, there), (target, copied)):
        device.copy(to, of, stream=stream)
    _finish(device, stream)
    with device.reading(target) as array:
        _require(np.array_equal(array, sent), "the bytes that came back are others")
    _close(source, target, there, copied)
    return f"{size_bytes:,} bytes to the GPU, within it, and back"


def streams_in_order(device: CudaDevice) -> str:
    """Rows go in on one stream and are changed in one place on another, which only events order."""
    kernel, rows, width = Halving(device), 200, 1 << 16
    kind = _FLOAT
    host = Tensor(device.allocate_pinned(rows * width * 4, name="rows"), (rows, width), kind)
    place = Tensor(device.allocate(width * 4, name="place"), (width,), kind)
    copier, worker = device.stream(name="copier"), device.stream(name="worker")
    filled, done = device.event(name="filled"), device.event(name="done")
    with device.writing(host) as array:
        array[:] = np.arange(rows, dtype=np.float32)[:, None]
    for number in range(rows):
        device.copy(place, host.row(number), stream=copier)
        device.record(filled, stream=copier)
        device.wait(filled, stream=worker)
        kernel.enqueue(place, rounds=5, stream=worker)
        device.record(done, stream=worker)
        device.wait(done, stream=copier)
        device.copy(host.row(number), place, stream=copier)
    _finish(device, copier)
    expected = np.array([halved(number, 5) for number in range(rows)], np.float32)
    with device.reading(host) as array:
        _require(bool((array == expected[:, None]).all()), "a row was changed too early or too late")
    _close(host, place)
    return f"{rows} rows through one place, on two streams"


def events(device: CudaDevice) -> str:
    kernel = Halving(device)
    values, host = _floats(device, THREADS, "values")
    stream = device.stream(name="events")
    start, end = (device.event(name=name, timing=True) for name in ("start", "end"))
    kernel.enqueue(values, rounds=1, stream=stream)  # the first launch also loads the code
    _finish(device, stream)
    device.record(start, stream=stream)
    kernel.enqueue(values, rounds=20_000_000, stream=stream)
    device.record(end, stream=stream)
    early = device.is_done(end)
    device.synchronize(end)
    seconds = device.elapsed_s(start, end)
    _require(not early, f"a mark {seconds:.3f} s ahead was said to be reached")
    _require(device.is_done(end), "a reached mark was said not to be")
    _require(seconds > 0.001, f"20 million rounds took {seconds} s")
    _close(values, host)
    return f"20 million rounds took {seconds * 1000:.1f} ms"


def graphs(device: CudaDevice) -> str:
    kernel = Halving(device)
    values, host = _floats(device, THREADS, "values")
    stream, side = device.stream(name="graphs"), device.stream(name="side")
    fork, join = device.event(name="fork"), device.event(name="join")
    kernel.enqueue(values, rounds=1, stream=stream)  # the first launch loads code, which isn't captured
    _finish(device, stream)
    with device.writing(host) as array:
        array[:] = 0
    with device.capture(stream=stream) as captured:
        device.copy(values, host, stream=stream)
        device.record(fork, stream=stream)
        device.wait(fork, stream=side)
        kernel.enqueue(values, rounds=3, stream=side)
        device.record(join, stream=side)
        device.wait(join, stream=stream)
        device.copy(host, values, stream=stream)
    with device.reading(host) as array:
        _require(not array.any(), "a capture ran what it was to collect")
    for _ in range(3):
        captured().launch(stream=stream)
    _finish(device, stream)
    with device.reading(host) as array:
        _require(bool((array == halved(0, 9)).all()), "the graph computed something else")
    captured().close()
    _close(values, host)
    return "captured over two streams, launched three times"


def failed_capture(device: CudaDevice) -> str:
    values, host = _floats(device, THREADS, "values")
    stream = device.stream(name="failed capture")
    seen = ""
    try:
        with device.capture(stream=stream):
            device.allocate(1 << 20, name="late").close()
    except EngineError as error:
        seen = str(error)
    _require("CAPTURE" in seen, f"allocating in a capture gave {seen!r}")
    with device.capture(stream=stream) as captured:
        device.copy(values, host, stream=stream)
    captured().launch(stream=stream)
    _finish(device, stream)
    captured().close()
    _close(values, host)
    return f"refused ({seen}); the stream went on"


def threads(device: CudaDevice) -> str:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            copies(device)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[0]
    return "the same from four threads at once"


def out_of_memory(device: CudaDevice) -> str:
    wanted = 2 * device.memory().total
    try:
        device.allocate(wanted, name="too much")
    except MissingError as error:
        seen = str(error)
    else:
        raise EngineError(f"{wanted:,} bytes were given, twice of what there is")
    _require(f"{wanted:,}" in seen, f"the message lacks the number: {seen}")
    return f"{seen}; " + copies(device)


def arrays(device: CudaDevice) -> str:
    """With CuPy, which works on a stream of its own, both ways and through both protocols."""
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        raise MissingError(f"needs CuPy ({error})") from error
    stream = device.stream(name="ours")
    with cupy.cuda.Device(device.ordinal), cupy.cuda.Stream(non_blocking=True) as theirs:
        for offer in (_InterfaceOnly, lambda array: array):
            made = cupy.arange(1 << 20, dtype=cupy.float32).reshape(1024, 1024) + 1
            tensor = tensor_from_array(offer(made), device=device, stream=stream)
            ours = Tensor(device.allocate(tensor.size_bytes, name="ours"), tensor.shape, _FLOAT)
            device.copy(ours, tensor, stream=stream)
            for read in (cupy.asarray, cupy.from_dlpack):
                exported = array_from_tensor(ours, device=device, stream=stream)
                seen = read(exported)
                _require(seen.data.ptr == ours.pointer, f"{read.__name__} made a copy")
                _require(bool((seen == made).all()), f"{read.__name__} saw other values")
            theirs.synchronize()
            _finish(device, stream)
            tensor.buffer.close()
            _close(ours)
    return f"CuPy {cupy.__version__}, __cuda_array_interface__ and DLPack, in and out"


CHECKS: dict[str, Check] = {
    "copies": copies,
    "streams in order": streams_in_order,
    "events": events,
    "graphs": graphs,
    "failed capture": failed_capture,
    "threads": threads,
    "out of memory": out_of_memory,
    "pipeline": pipeline,
    "other libraries' arrays": arrays,
}


class _InterfaceOnly:
    def __init__(self, array: Any) -> None:
        self.array = array

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.array.__cuda_array_interface__
        return facts


def _bytes(buffer: Buffer) -> Tensor:
    return Tensor(buffer, (buffer.size_bytes,), _BYTE)


def _floats(device: CudaDevice, count: int, name: str) -> tuple[Tensor, Tensor]:
    """`count` float32 in device memory, and in pinned memory."""
    buffers = (
        device.allocate(4 * count, name=name),
        device.allocate_pinned(4 * count, name=f"host {name}"),
    )
    there, host = (Tensor(buffer, (count,), _FLOAT) for buffer in buffers)
    return there, host


def _finish(device: CudaDevice, stream: Stream) -> None:
    end = device.event(name=f"end of {stream.name}")
    device.record(end, stream=stream)
    device.synchronize(end)


def _close(*tensors: Tensor) -> None:
    for tensor in tensors:
        tensor.buffer.close()


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise EngineError(otherwise)
