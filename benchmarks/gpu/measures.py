"""What streams, graphs and pinned memory are worth on this GPU, timed by its own events."""

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.gpu.findings import Table
from benchmarks.gpu.kernel import THREADS, Halving, halved
from benchmarks.tables import Spread
from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Stream, Tensor
from trt_anime.runtime.devices.cuda_device import CudaDevice
from trt_anime.runtime.devices.cuda_resources import CudaStream

ROUNDS = 9

_FLOAT = np.dtype(np.float32)
_FRAMES, _SLOTS = 24, 3
# Frames in memory, each with a value of its own where they are checked. A multiple of the slots.
_HOSTS = 9
_FRAME_BYTES = 1080 * 1920 * 3 * 4
_CEILING_BYTES = 256 << 20
_TINY = 300
# Few enough that the result still tells one frame from another.
_FEW_ROUNDS = 5


def overlap(device: CudaDevice) -> Table:
    """Copy in, compute and copy out of frames: on one stream, and on a stream each."""
    pipeline = _Pipeline(device)
    lines = [device.stream(name=name) for name in ("in", "compute", "out")]
    serial = _repeated(lambda: pipeline.run([lines[0]] * 3))
    parallel = _repeated(lambda: pipeline.run(lines))
    alone = {name: _FRAMES * pipeline.alone(name) for name in ("copy in", "compute", "copy out")}
    slowest = max(alone, key=alone.__getitem__)
    pipeline.check(lines)
    pipeline.close()
    return Table(
        "Copies and compute at once",
        f"{_FRAMES} frames of {_FRAME_BYTES / 1e6:.1f} MB each way through {_SLOTS} slots, the kernel as "
        "long as the copy in; milliseconds.",
        ("", "median (lowest to highest)", "of one stream"),
        [
            ("one stream", serial.text(2), "1.00"),
            ("three streams", parallel.text(2), f"{parallel.median / serial.median:.2f}"),
            (f"{slowest} alone", f"{alone[slowest]:.2f}", f"{alone[slowest] / serial.median:.2f}"),
        ],
    )


def graph_launches(device: CudaDevice) -> Table:
    """Many tiny kernels, put on a stream one by one and as one graph."""
    kernel, stream = Halving(device), device.stream(name="tiny")
    values = Tensor(device.allocate(4 * THREADS, name="values"), (THREADS,), _FLOAT)

    def one_by_one() -> None:
        for _ in range(_TINY):
            kernel.enqueue(values, rounds=1, stream=stream)

    _both_clocks(device, stream, one_by_one)  # the first launch loads code, which isn't captured
    with device.capture(stream=stream) as captured:
        one_by_one()
    graph = captured()
    rows = []
    for name, work in (("one by one", one_by_one), ("one graph", lambda: graph.launch(stream=stream))):
        times = [_both_clocks(device, stream, work) for _ in range(ROUNDS + 2)][2:]
        host, gpu = (Spread.of([1e6 * pair[side] / _TINY for pair in times]) for side in (0, 1))
        rows.append((name, host.text(2), gpu.text(2)))
    graph.close()
    values.buffer.close()
    return Table(
        "Graph against no graph",
        f"{_TINY} kernels of {THREADS} values; microseconds a kernel, median (lowest to highest).",
        ("", "host, to put them there", "GPU, first to last"),
        rows,
    )


def pinned_copies(device: CudaDevice) -> Table:
    stream = device.stream(name="copies")
    rows = []
    for size_bytes in (1 << 20, 64 << 20):
        there = device.allocate(size_bytes, name="there")
        pinned = device.allocate_pinned(size_bytes, name="pinned")
        pageable = np.ones(size_bytes, np.uint8)
        for name, host in (("pinned", pinned.pointer), ("pageable", pageable.ctypes.data)):
            speeds = [
                _repeated(partial(_gb_per_s, device, to, of, size_bytes, stream))
                for to, of in ((there.pointer, host), (host, there.pointer))
            ]
            rows.append((f"{size_bytes >> 20} MiB {name}", *(speed.text(1) for speed in speeds)))
        for buffer in (there, pinned):
            buffer.close()
    return Table(
        "Pinned against pageable memory",
        "GB/s, median (lowest to highest).",
        ("", "to the GPU", "from the GPU"),
        rows,
    )


def ceilings(device: CudaDevice) -> Table:
    """What reports hold stages against; see `trt_anime.runtime.profiling.ceilings_gpu`."""
    from trt_anime.runtime.profiling.ceilings_gpu import gpu_ceilings, on_gpu

    found, notices = gpu_ceilings(device, on_gpu(device), copy_bytes=_CEILING_BYTES)
    units = {"bytes/s": (1e9, "GB/s"), "operations/s": (1e12, "TFLOP/s")}
    rows = []
    for one in found:
        scale, unit = units[one.unit]
        rows.append((f"{one.name} {one.precision}".strip(), f"{one.rate / scale:.1f}", unit))
    words = "The best of a few rounds; a copy within the GPU counts bytes read and written."
    return Table("Ceilings", "; ".join([words, *notices]), ("what", "rate", "unit"), rows)


MEASURES: dict[str, Callable[[CudaDevice], Table]] = {
    "overlap": overlap,
    "graph launches": graph_launches,
    "pinned copies": pinned_copies,
    "ceilings": ceilings,
}


class _Pipeline:
    """Frames through slots, as the runtime does it."""

    def __init__(self, device: CudaDevice) -> None:
        self._device = device
        self._kernel = Halving(device)
        count = _FRAME_BYTES // 4
        self._hosts = [
            Tensor(device.allocate_pinned(_FRAME_BYTES, name=f"host {n}"), (count,), _FLOAT)
            for n in range(_HOSTS)
        ]
        self._places = [
            Tensor(device.allocate(_FRAME_BYTES, name=f"slot {n}"), (count,), _FLOAT) for n in range(_SLOTS)
        ]
        self._marks = [
            [device.event(name=f"{n} {m}") for m in ("in", "done", "free")] for n in range(_SLOTS)
        ]
        self._start, self._end = (device.event(name=name, timing=True) for name in ("start", "end"))
        self._line = device.stream(name="alone")
        self.rounds = 64
        self.alone("compute")  # the first launch also loads the code
        self.rounds = max(1, round(64 * self.alone("copy in") / self.alone("compute")))

    def run(self, lines: list[CudaStream], frames: int = _FRAMES) -> float:
        """Milliseconds from the first copy in to the last copy out. Frames go back where they came from."""
        device = self._device
        copy_in, compute, copy_out = lines
        device.record(self._start, stream=copy_in)
        for number in range(frames):
            slot, host = number % _SLOTS, self._hosts[number % _HOSTS]
            arrived, done, free = self._marks[slot]
            if number >= _SLOTS:
                device.wait(free, stream=copy_in)
            device.copy(self._places[slot], host, stream=copy_in)
            device.record(arrived, stream=copy_in)
            device.wait(arrived, stream=compute)
            self._kernel.enqueue(self._places[slot], rounds=self.rounds, stream=compute)
            device.record(done, stream=compute)
            device.wait(done, stream=copy_out)
            device.copy(host, self._places[slot], stream=copy_out)
            device.record(free, stream=copy_out)
        device.record(self._end, stream=copy_out)
        device.synchronize(self._end)
        return 1000 * device.elapsed_s(self._start, self._end)

    def alone(self, name: str) -> float:
        """Milliseconds for one frame, median."""
        place, host = self._places[0], self._hosts[0]
        work: dict[str, Callable[[], None]] = {
            "copy in": lambda: self._device.copy(place, host, stream=self._line),
            "compute": lambda: self._kernel.enqueue(place, rounds=self.rounds, stream=self._line),
            "copy out": lambda: self._device.copy(host, place, stream=self._line),
        }
        return _repeated(lambda: 1e3 * _both_clocks(self._device, self._line, work[name])[1]).median

    def check(self, lines: list[CudaStream]) -> None:
        """Raises EngineError: a frame came out other than the kernel makes it."""
        for number, host in enumerate(self._hosts):
            with self._device.writing(host) as array:
                array[:] = number
        self.rounds = _FEW_ROUNDS
        self.run(lines, _HOSTS)
        for number, host in enumerate(self._hosts):
            with self._device.reading(host) as array:
                if not (array == halved(number, _FEW_ROUNDS)).all():
                    raise EngineError("frames that went through three streams came out wrong")

    def close(self) -> None:
        for tensor in (*self._hosts, *self._places):
            tensor.buffer.close()


def _repeated(measure: Callable[[], float]) -> Spread:
    """Of `ROUNDS`, after two that warm up."""
    return Spread.of([measure() for _ in range(ROUNDS + 2)][2:])


def _both_clocks(device: CudaDevice, stream: Stream, work: Callable[[], None]) -> tuple[float, float]:
    """Seconds that the host took to put `work` on `stream`, and the GPU to do it."""
    start, end = (device.event(name=name, timing=True) for name in ("start", "end"))
    device.record(start, stream=stream)
    began = time.perf_counter()
    work()
    host_s = time.perf_counter() - began
    device.record(end, stream=stream)
    device.synchronize(end)
    return host_s, device.elapsed_s(start, end)


def _gb_per_s(device: CudaDevice, to: int, of: int, size_bytes: int, stream: CudaStream) -> float:
    def copy() -> None:
        device.call("cuMemcpyAsync", to, of, size_bytes, stream.handle, doing="a copy")

    _, seconds = _both_clocks(device, stream, copy)
    return size_bytes / 1e9 / seconds
