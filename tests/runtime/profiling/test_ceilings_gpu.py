"""Ceilings of a GPU, on devices that keep its rules; and how far stages on it are from them."""

from pathlib import Path

import pytest

from trt_anime.errors import MissingError
from trt_anime.runtime.devices.clock import SimulatedClock
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.devices.latencies import Latencies
from trt_anime.runtime.devices.null import NullDevice
from trt_anime.runtime.profiling.ceilings import GPU, Ceiling
from trt_anime.runtime.profiling.ceilings_gpu import copy_ceilings, gpu_ceilings
from trt_anime.runtime.profiling.roofline import Whole, roofline
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

ROOFS = [
    Ceiling("copy", "bytes/s", 1e12, GPU),
    Ceiling("copy in", "bytes/s", 5e13, GPU),
    Ceiling("matmul", "operations/s", 8e13, GPU, "fp32"),
    Ceiling("matmul", "operations/s", 3e14, GPU, "fp16"),
    Ceiling("matmul", "operations/s", 1e11, 2, "fp32"),
]


def test_copies_to_and_from_the_device_are_timed_where_they_run() -> None:
    latencies = Latencies(copy_in_bytes_per_s=4e6, copy_within_bytes_per_s=3e6, copy_out_bytes_per_s=2e6)
    found = copy_ceilings(NullDevice(latencies, SimulatedClock()), 1000)
    rates = {one.name: round(one.rate) for one in found}
    assert rates == {"copy in": 4e6, "copy": 6e6, "copy out": 2e6}, "read and written within the GPU"


def test_products_of_each_precision_are_timed_and_what_can_not_be_is_said() -> None:
    with HostDevice() as device:

        def opened(graph: Path) -> OrtCpuSession:
            assert graph.stat().st_size < 2000, "matrices come from outside"
            return OrtCpuSession(graph, device, threads=1, name="ceiling")

        found, notices = gpu_ceilings(device, opened, side=128, copy_bytes=1 << 20)
    products = {one.precision: one.rate for one in found if one.name == "matmul"}
    assert "fp32" in products and all(1e7 < rate < 1e14 for rate in products.values())
    assert len(products) + len(notices) == 3
    assert {one.threads for one in found} == {GPU}
    assert all("products could not be measured" in sentence for sentence in notices)


def test_without_a_library_copies_are_measured_all_the_same() -> None:
    def opened(graph: Path) -> OrtCpuSession:
        raise MissingError("needs ONNX Runtime")

    with HostDevice() as device:
        found, notices = gpu_ceilings(device, opened, copy_bytes=1 << 20)
    assert [one.name for one in found] == ["copy in", "copy", "copy out"] and len(notices) == 3


@pytest.mark.parametrize(("precision", "roof"), [("fp32", 8e13), ("fp16", 3e14), ("int8", 2e14)])
def test_a_stage_is_held_against_its_precisions_roof(precision: str, roof: float) -> None:
    """Where that wasn't measured, against the memory's."""
    whole = Whole("2a", ms=2.0, operations=2e11, bytes=1e9, precision=precision)
    drawn = roofline({}, ROOFS, GPU, [whole])
    assert [one["name"] for one in drawn["roofs"]] == ["copy", "matmul fp32", "matmul fp16"]
    [point] = drawn["points"]
    assert (point["name"], point["level"], point["intensity"]) == ("stage 2a", "stage", 200.0)
    assert point["reached"] == pytest.approx(1e14 / min(roof, 200 * 1e12), abs=1e-4)
