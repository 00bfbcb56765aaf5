"""What this machine can do at best, measured on the spot: the roof over a roofline."""

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import MissingError
from trt_anime.runtime.media.png import write_png
from trt_anime.runtime.sessions import ort

_COPY_BYTES = 64 << 20  # a thread; far more than caches hold
_SIDE = 1024
_CHANNELS, _PIXELS = 64, 128
_ROUNDS = 3
_LEAST_S = 0.15  # a figure is taken over at least so long
OPSET, IR = 20, 10

# Of `Ceiling.threads` and of a roofline: work is the GPU's, not that of CPU threads.
GPU = 0


@dataclass(frozen=True)
class Ceiling:
    """A rate.

    Attributes:
        name: ``copy``, ``matmul``, ``conv`` or ``png``; of a GPU also ``copy in`` and ``copy out``.
        unit: ``bytes/s`` (of ``copy`` read and written, both counted), ``operations/s`` or ``pictures/s``.
        threads: of the CPU; 0: it is the GPU's.
        precision: that it computes in; empty where that means nothing.
    """

    name: str
    unit: str
    rate: float
    threads: int
    precision: str = ""


def ceilings(threads: int, picture: NDArray[np.uint8]) -> list[Ceiling]:
    """All of them, for one thread and for all.

    Args:
        threads: CPU cores to use.
        picture: uint8 [height, width, 4] RGBA, a layer such as those that are encoded.

    What this machine has no kernel for, or no library, is left out.
    """
    counts = sorted({1, threads})
    found = [Ceiling("copy", "bytes/s", copy_rate(count), count) for count in counts]
    found += [Ceiling("png", "pictures/s", png_rate(picture, count), count) for count in counts]
    for make in (_matmul, _matmul_int8, _conv):
        for count in counts:
            try:
                found.append(_product(make, count))
            except MissingError:
                return found
    return found


def copy_rate(threads: int) -> float:
    """Bytes per second that memory copies read and write."""
    buffers = [(np.ones(_COPY_BYTES, np.uint8), np.ones(_COPY_BYTES, np.uint8)) for _ in range(threads)]
    jobs = [partial(np.copyto, target, source) for target, source in buffers]
    return 2 * _COPY_BYTES * threads / _seconds(jobs)


def png_rate(picture: NDArray[np.uint8], threads: int) -> float:
    """Pictures per second that the PNG encoder writes into the temporary folder."""
    pixels = np.ascontiguousarray(picture)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.png" for index in range(threads)]
        return threads / _seconds([partial(write_png, path, pixels, None) for path in paths])


def _product(make: Callable[[], tuple[str, str, Any, float]], threads: int) -> Ceiling:
    """Raises MissingError: ONNX Runtime isn't here."""
    name, precision, model, operations = make()
    module = ort.onnxruntime(extra="cpu")
    options = module.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = module.InferenceSession(model.SerializeToString(), options, providers=[ort.CPU])
    rng = np.random.default_rng(0)
    kinds = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}
    inputs = {
        item.name: rng.integers(0, 3, item.shape).astype(kinds[item.type]) for item in session.get_inputs()
    }
    return Ceiling(
        name, "operations/s", operations / _seconds([lambda: session.run(None, inputs)]), threads, precision
    )


def _matmul() -> tuple[str, str, Any, float]:
    weight = np.ones((_SIDE, _SIDE), np.float32)
    return "matmul", "fp32", _model("MatMul", (_SIDE, _SIDE), weight, 1, 1), 2.0 * _SIDE**3


def _matmul_int8() -> tuple[str, str, Any, float]:
    """u8 by s8, as CPUs take it."""
    weight = np.ones((_SIDE, _SIDE), np.int8)
    return "matmul", "int8", _model("MatMulInteger", (_SIDE, _SIDE), weight, 2, 6), 2.0 * _SIDE**3


def _conv() -> tuple[str, str, Any, float]:
    """3 x 3, as most of the networks' work."""
    weight = np.ones((_CHANNELS, _CHANNELS, 3, 3), np.float32)
    model = _model("Conv", (1, _CHANNELS, _PIXELS, _PIXELS), weight, 1, 1, pads=[1, 1, 1, 1])
    return "conv", "fp32", model, 2.0 * _CHANNELS**2 * 9 * _PIXELS**2


def _model(
    kind: str, shape: Sequence[int], weight: NDArray[Any], takes: int, gives: int, **attributes: Any
) -> Any:
    """One operator with a constant weight; `takes` and `gives` are ONNX's numbers of types."""
    import onnx

    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node(kind, ["x", "weight"], ["y"], **attributes)],
        "ceiling",
        [helper.make_tensor_value_info("x", takes, shape)],
        [helper.make_tensor_value_info("y", gives, None)],
        [onnx.numpy_helper.from_array(weight, "weight")],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR)


def _seconds(jobs: Sequence[Callable[[], object]]) -> float:
    """Of doing all jobs once, each in its thread: the best of a few rounds after one to warm up."""
    repeats = max(1, int(_LEAST_S / max(_round_s(jobs, 1), 1e-6)))
    return min(_round_s(jobs, repeats) / repeats for _ in range(_ROUNDS))


def _round_s(jobs: Sequence[Callable[[], object]], repeats: int) -> float:
    ready = threading.Barrier(len(jobs) + 1)

    def work(job: Callable[[], object]) -> None:
        ready.wait()
        for _ in range(repeats):
            job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        done = [pool.submit(work, job) for job in jobs]
        ready.wait()
        start = time.perf_counter()
        for one in done:
            one.result()
        return time.perf_counter() - start
