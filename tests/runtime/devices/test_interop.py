"""Arrays of other libraries in and out; what needs a real GPU is in `test_cuda_gpu`."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.runtime.devices.cuda_fake import LEGACY, FakeDriver
from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.devices import interop
from trt_anime.runtime.devices.api import Tensor
from trt_anime.runtime.devices.cuda_device import CudaDevice
from trt_anime.runtime.devices.cuda_driver import load_driver
from trt_anime.runtime.devices.cuda_resources import CudaStream
from trt_anime.runtime.devices.interop import (
    DeviceArray,
    PinnedArray,
    array_from_tensor,
    tensor_from_array,
)


@pytest.fixture
def fake() -> FakeDriver:
    return FakeDriver()


@pytest.fixture
def device(fake: FakeDriver) -> Iterator[CudaDevice]:
    with CudaDevice(driver=load_driver(fake)) as opened:
        yield opened
    assert fake.left == 0


@pytest.fixture
def stream(device: CudaDevice) -> CudaStream:
    return device.stream(name="ours")


class Lent:
    """An array of another library, with `__cuda_array_interface__`."""

    def __init__(self, pointer: int, **facts: Any) -> None:
        defaults = {"shape": (2, 3), "typestr": "<f4", "data": (pointer, False), "version": 3}
        self.__cuda_array_interface__ = {**defaults, **facts}


class Packed:
    """An array of another library, with DLPack. Its bytes are NumPy's."""

    def __init__(self, array: NDArray[Any], place: tuple[int, int]) -> None:
        self.array, self.place = array, place
        self.asked: list[int | None] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.place

    def __dlpack__(self, *, stream: int | None = None, **options: Any) -> Any:
        self.asked.append(stream)
        return self.array.__dlpack__()


def orders(fake: FakeDriver) -> list[tuple[int, int]]:
    """Pairs of streams, the first of which the second was made to wait for."""
    recorded: dict[int, int] = {}
    pairs = []
    for name, arguments in fake.calls:
        if name == "cuEventRecord":
            recorded[arguments[0]] = arguments[1]
        elif name == "cuStreamWaitEvent":
            pairs.append((recorded[arguments[1]], arguments[0]))
    return pairs


def test_interface_becomes_a_tensor(device: CudaDevice, fake: FakeDriver, stream: CudaStream) -> None:
    theirs = device.allocate(24, name="theirs")
    owner = Lent(theirs.pointer)
    tensor = tensor_from_array(owner, device=device, stream=stream, name="picture")
    assert (tensor.shape, tensor.dtype, tensor.pointer) == ((2, 3), np.dtype("<f4"), theirs.pointer)
    assert (tensor.buffer.name, tensor.buffer.place, tensor.size_bytes) == ("picture", "device", 24)
    target = Tensor(device.allocate(24, name="copy"), (2, 3), tensor.dtype)
    device.copy(target, tensor, stream=stream)
    assert orders(fake) == []


def test_owner_lives_as_long_as_the_buffer(device: CudaDevice, stream: CudaStream) -> None:
    owner = Lent(device.allocate(24, name="theirs").pointer)
    alive = weakref.ref(owner)
    tensor = tensor_from_array(owner, device=device, stream=stream)
    del owner
    gc.collect()
    assert alive() is not None
    tensor.buffer.close()
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("theirs", [LEGACY, 77])
def test_our_stream_waits_for_theirs(
    device: CudaDevice, fake: FakeDriver, stream: CudaStream, theirs: int
) -> None:
    fake.streams.setdefault(theirs, fake.streams[LEGACY])
    array = Lent(device.allocate(24, name="theirs").pointer, stream=theirs)
    tensor_from_array(array, device=device, stream=stream)
    assert orders(fake) == [(theirs, stream.handle)]
    assert not fake.events, "the event that orders them is freed"
    fake.streams.pop(77, None)


def test_nothing_to_wait_for(device: CudaDevice, fake: FakeDriver, stream: CudaStream) -> None:
    """No stream, version 2, or our own stream."""
    pointer = device.allocate(24, name="theirs").pointer
    for array in (
        Lent(pointer, stream=None),
        Lent(pointer, version=2),
        Lent(pointer, stream=stream.handle),
    ):
        tensor_from_array(array, device=device, stream=stream)
    assert orders(fake) == []


@pytest.mark.parametrize(
    ("shape", "strides"),
    [((2, 3), (12, 4)), ((2, 3), None), ((1, 3), (999, 4)), ((2, 1, 3), (12, 7, 4)), ((6,), [4])],
)
def test_dense_in_any_words(
    device: CudaDevice, stream: CudaStream, shape: tuple[int, ...], strides: Any
) -> None:
    array = Lent(device.allocate(24, name="theirs").pointer, shape=shape, strides=strides)
    assert tensor_from_array(array, device=device, stream=stream).shape == shape


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"strides": (4, 8)}, "isn't dense and row-major .*ascontiguousarray"),
        ({"strides": (24, 4)}, "isn't dense"),
        ({"strides": (12, -4)}, "isn't dense"),
        ({"shape": (0, 3)}, "is empty"),
        ({"mask": object()}, "is masked"),
        ({"version": 1}, "before version 2"),
        ({"stream": 0}, "stream 0"),
    ],
)
def test_what_can_not_be_a_tensor(
    device: CudaDevice, stream: CudaStream, facts: dict[str, Any], words: str
) -> None:
    array = Lent(device.allocate(48, name="theirs").pointer, **facts)
    with pytest.raises(InputError, match=f"picture: .*{words}"):
        tensor_from_array(array, device=device, stream=stream, name="picture")


def test_other_places(device: CudaDevice, stream: CudaStream, fake: FakeDriver) -> None:
    host = np.zeros((2, 3), np.float32)
    with pytest.raises(InputError, match="isn't in GPU memory; copy it to cuda:0"):
        tensor_from_array(host, device=device, stream=stream)
    with pytest.raises(InputError, match="is on cuda:1; copy it to cuda:0"):
        tensor_from_array(Packed(host, (2, 1)), device=device, stream=stream)
    with pytest.raises(InputError, match="a list offers neither DLPack nor __cuda_array_interface__"):
        tensor_from_array([1], device=device, stream=stream)
    elsewhere = Lent(device.allocate(24, name="theirs").pointer)
    fake.gpu_of_memory = 1
    with pytest.raises(InputError, match="is on cuda:1; copy it to cuda:0"):
        tensor_from_array(elsewhere, device=device, stream=stream)


@pytest.mark.parametrize(("kind", "place"), [(2, "device"), (3, "pinned")])
def test_dlpack_becomes_a_tensor(device: CudaDevice, stream: CudaStream, kind: int, place: str) -> None:
    pytest.importorskip("cuda.core", exc_type=ImportError)
    array = np.arange(6, dtype=np.uint16).reshape(2, 3)
    packed = Packed(array, (kind, 0))
    tensor = tensor_from_array(packed, device=device, stream=stream, name="picture")
    assert (tensor.shape, tensor.dtype) == ((2, 3), np.dtype(np.uint16))
    assert (tensor.pointer, tensor.buffer.place) == (array.ctypes.data, place)
    # Pinned memory has no stream to order after.
    assert packed.asked == [stream.handle if place == "device" else -1]
    if place == "pinned":
        with device.reading(tensor) as seen:
            assert seen.tolist() == array.tolist()


def test_dlpack_owner_lives_as_long_as_the_buffer(device: CudaDevice, stream: CudaStream) -> None:
    pytest.importorskip("cuda.core", exc_type=ImportError)
    packed = Packed(np.zeros((2, 3)), (2, 0))
    alive = weakref.ref(packed.array)
    tensor = tensor_from_array(packed, device=device, stream=stream)
    del packed
    gc.collect()
    assert alive() is not None
    tensor.buffer.close()
    gc.collect()
    assert alive() is None


def test_dlpack_that_is_not_dense(device: CudaDevice, stream: CudaStream) -> None:
    pytest.importorskip("cuda.core", exc_type=ImportError)
    turned = np.zeros((3, 2), np.float32).T
    with pytest.raises(InputError, match=r"shape \(2, 3\), strides \(4, 8\) bytes.*contiguous"):
        tensor_from_array(Packed(turned, (2, 0)), device=device, stream=stream)


def test_dlpack_without_cuda_core(
    device: CudaDevice, stream: CudaStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(interop.importlib, "import_module", absent)  # type: ignore[attr-defined]
    with pytest.raises(MissingError, match="DLPack needs cuda-python"):
        tensor_from_array(Packed(np.zeros(3), (2, 0)), device=device, stream=stream)


def test_tensor_as_cuda_array(device: CudaDevice, stream: CudaStream) -> None:
    buffer = device.allocate(32, name="layer")
    tensor = Tensor(buffer, (2, 3), np.dtype("<f4"), offset_bytes=8)
    array = array_from_tensor(tensor, device=device, stream=stream)
    assert isinstance(array, DeviceArray)
    assert array.__cuda_array_interface__ == {
        "shape": (2, 3),
        "typestr": "<f4",
        "data": (buffer.pointer + 8, False),
        "strides": None,
        "version": 3,
        "stream": stream.handle,
    }
    assert array.__dlpack_device__() == (2, 0)


def test_there_and_back(device: CudaDevice, stream: CudaStream) -> None:
    tensor = Tensor(device.allocate(24, name="layer"), (2, 3), np.dtype("<f4"))
    array = array_from_tensor(tensor, device=device, stream=stream)
    again = tensor_from_array(
        Lent(0, **array.__cuda_array_interface__) if isinstance(array, DeviceArray) else None,
        device=device,
        stream=stream,
    )
    assert (again.pointer, again.shape, again.dtype) == (tensor.pointer, tensor.shape, tensor.dtype)


@pytest.mark.parametrize(("asked", "waits"), [(None, LEGACY), (LEGACY, LEGACY), (88, 88), (-1, None)])
def test_reader_waits_for_our_stream(
    device: CudaDevice,
    fake: FakeDriver,
    stream: CudaStream,
    monkeypatch: pytest.MonkeyPatch,
    asked: int | None,
    waits: int | None,
) -> None:
    monkeypatch.setattr(interop, "_capsule", lambda tensor, owner, options: (tensor, owner, options))
    fake.streams[88] = fake.streams[LEGACY]
    tensor = Tensor(device.allocate(24, name="layer"), (2, 3), np.dtype("<f4"))
    array = array_from_tensor(tensor, device=device, stream=stream)
    made = array.__dlpack__(stream=asked, max_version=(1, 0))
    assert made == (tensor, array, {"max_version": (1, 0)})
    assert orders(fake) == ([] if waits is None else [(stream.handle, waits)])
    del fake.streams[88]


def test_pinned_tensor_as_numpy(device: CudaDevice, stream: CudaStream) -> None:
    tensor = Tensor(device.allocate_pinned(24, name="host"), (2, 3), np.dtype("<f4"))
    with device.writing(tensor) as array:
        array[:] = [[1, 2, 3], [4, 5, 6]]
    pinned = array_from_tensor(tensor, device=device, stream=stream)
    assert isinstance(pinned, PinnedArray)
    seen = np.asarray(pinned)
    assert seen.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert seen.ctypes.data == tensor.pointer
    assert pinned.__dlpack_device__() == (3, 0)
