"""Arrays of other libraries as tensors, and tensors as arrays of other libraries, without a copy.

Both ways through DLPack or `__cuda_array_interface__`; order between their streams and ours is kept by
events, never by the host waiting.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.devices.api import Place, Shape, Stream, Tensor
from trt_anime.runtime.devices.cuda_device import CudaDevice

# DLPack's device types.
_DL_CUDA, _DL_CUDA_HOST = 2, 3
# The numbers that both protocols give CUDA's own streams; libcuda takes them as handles.
_LEGACY_STREAM = 1


@dataclass(eq=False)
class ExternalBuffer:
    """Memory of another library, which isn't given back while this lives.

    Attributes:
        owner: the object that the memory came from.
    """

    name: str
    place: Place
    size_bytes: int
    pointer: int
    owner: object = field(repr=False)

    def close(self) -> None:
        """Let go of the owner. Work that uses the memory must have ended."""
        self.owner = None


@dataclass(frozen=True)
class _Handle:
    """A stream that another library made."""

    name: str
    handle: int


def tensor_from_array(array: Any, *, device: CudaDevice, stream: Stream, name: str = "array") -> Tensor:
    """A tensor over the memory of a CuPy, PyTorch, Numba or other GPU array; nothing is copied.

    Work put on `stream` from now on begins after the work that fills the array. The owner must not
    change it before work on `stream` has ended. That an array is read-only isn't kept: don't write there.

    Args:
        array: dense and row-major, with `__dlpack__` and `__dlpack_device__`, or with
            `__cuda_array_interface__` of version 2 or 3; on `device`, or (DLPack) in pinned memory.

    Raises:
        InputError: `array` is something else; says what to call on it.
        MissingError: a DLPack array, and there is no cuda.core.
    """
    if hasattr(array, "__dlpack__") and hasattr(array, "__dlpack_device__"):
        return _from_dlpack(array, device, stream, name)
    if hasattr(array, "__cuda_array_interface__"):
        return _from_interface(array, device, stream, name)
    raise InputError(
        f"{name}: a {type(array).__name__} offers neither DLPack nor __cuda_array_interface__; "
        "pass an array of CuPy, PyTorch or Numba on the GPU"
    )


@dataclass(frozen=True)
class DeviceArray:
    """A tensor in device memory as CuPy, PyTorch and Numba read it: `cupy.asarray(...)` and the like.

    The tensor's device must stay open, and its buffer too, while anyone uses what was made of it.
    """

    tensor: Tensor
    device: CudaDevice = field(repr=False)
    stream: Stream

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Version 3; its reader waits for `stream`."""
        return {**_description(self.tensor), "stream": self.stream.handle}

    def __dlpack_device__(self) -> tuple[int, int]:
        return _DL_CUDA, self.device.ordinal

    def __dlpack__(self, *, stream: int | None = None, **options: Any) -> Any:
        """A capsule; what its reader puts on `stream` comes after what is on ours so far."""
        if stream != -1:  # -1: the reader takes care of order
            _order(self.device, self.stream, _Handle("reader's stream", stream or _LEGACY_STREAM))
        return _capsule(self.tensor, self, options)


@dataclass(frozen=True)
class PinnedArray:
    """A tensor in pinned memory as NumPy reads it: `numpy.asarray(...)`; also through DLPack.

    The host must have synchronized with what fills it.
    """

    tensor: Tensor

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return _description(self.tensor)

    def __dlpack_device__(self) -> tuple[int, int]:
        return _DL_CUDA_HOST, 0

    def __dlpack__(self, *, stream: int | None = None, **options: Any) -> Any:
        return _capsule(self.tensor, self, options)


def array_from_tensor(tensor: Tensor, *, device: CudaDevice, stream: Stream) -> DeviceArray | PinnedArray:
    """`tensor` in a form that other libraries read without a copy.

    Args:
        stream: where the work is that fills it.
    """
    if tensor.buffer.place == "pinned":
        return PinnedArray(tensor)
    return DeviceArray(tensor, device, stream)


def _from_interface(array: Any, device: CudaDevice, stream: Stream, name: str) -> Tensor:
    facts = array.__cuda_array_interface__
    if facts.get("version", 0) < 2:
        raise InputError(f"{name}: has __cuda_array_interface__ before version 2; update its library")
    if facts.get("mask") is not None:
        raise InputError(f"{name}: is masked; pass its data and its mask as two arrays")
    shape = tuple(int(size) for size in facts["shape"])
    dtype = np.dtype(facts["typestr"])
    strides = facts.get("strides")
    _require_dense(shape, None if strides is None else tuple(strides), dtype.itemsize, name)
    pointer = int(facts["data"][0])
    _require_here(pointer, device, name)
    # None, and version 2: the producer says that its work is done, or keeps order by itself.
    filled_on = facts.get("stream")
    if filled_on == 0:
        raise InputError(f"{name}: names stream 0, which the protocol forbids; update its library")
    if filled_on is not None:
        _order(device, _Handle(f"stream of {name}", int(filled_on)), stream)
    return _tensor(name, "device", pointer, shape, dtype, array)


def _from_dlpack(array: Any, device: CudaDevice, stream: Stream, name: str) -> Tensor:
    kind, ordinal = array.__dlpack_device__()
    if kind not in (_DL_CUDA, _DL_CUDA_HOST):
        raise InputError(f"{name}: isn't in GPU memory; copy it to {device.name} first")
    if kind == _DL_CUDA and ordinal != device.ordinal:
        raise InputError(f"{name}: is on cuda:{ordinal}; copy it to {device.name} first")
    # Pinned memory has no stream: its producer has to have finished.
    reader = stream.handle if kind == _DL_CUDA else -1
    view = _cuda_core().StridedMemoryView.from_dlpack(array, stream_ptr=reader)
    shape, dtype = tuple(view.shape), np.dtype(view.dtype)
    strides = None if view.strides is None else tuple(step * dtype.itemsize for step in view.strides)
    _require_dense(shape, strides, dtype.itemsize, name)
    # The view holds the capsule, whose end tells the producer that we are done.
    place: Place = "device" if kind == _DL_CUDA else "pinned"
    return _tensor(name, place, int(view.ptr), shape, dtype, view)


def _tensor(
    name: str, place: Place, pointer: int, shape: Shape, dtype: np.dtype[Any], owner: object
) -> Tensor:
    size_bytes = prod(shape) * dtype.itemsize
    return Tensor(ExternalBuffer(name, place, size_bytes, pointer, owner), shape, dtype)


def _require_dense(shape: Shape, strides: Shape | None, itemsize: int, name: str) -> None:
    if not prod(shape):
        raise InputError(f"{name}: is empty (shape {shape}); pass at least one element")
    if strides is None:
        return
    step = itemsize
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size > 1 and stride != step:  # the stride of a single element is of no account
            raise InputError(
                f"{name}: isn't dense and row-major (shape {shape}, strides {strides} bytes); call "
                "cupy.ascontiguousarray(...) or .contiguous() on it"
            )
        step *= size


def _require_here(pointer: int, device: CudaDevice, name: str) -> None:
    attribute = device.driver.module.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    ordinal = int(device.call("cuPointerGetAttribute", attribute, pointer, doing=f"address of {name}"))
    if ordinal != device.ordinal:
        raise InputError(f"{name}: is on cuda:{ordinal}; copy it to {device.name} first")


def _order(device: CudaDevice, first: Stream, then: Stream) -> None:
    """What is put on `then` from now on begins after what is on `first` so far."""
    if first.handle != then.handle:
        device.wait_stream(first, stream=then)


def _description(tensor: Tensor) -> dict[str, Any]:
    """What `__cuda_array_interface__` and `__array_interface__` have in common; both have a version 3."""
    return {
        "shape": tensor.shape,
        "typestr": tensor.dtype.str,
        "data": (tensor.pointer, False),
        "strides": None,
        "version": 3,
    }


def _capsule(tensor: Tensor, owner: object, options: dict[str, Any]) -> Any:
    core = _cuda_core()
    memory = importlib.import_module("cuda.core").Buffer.from_handle(
        tensor.pointer, tensor.size_bytes, owner=owner
    )
    view = core.StridedMemoryView.from_buffer(memory, tensor.shape, dtype=tensor.dtype)
    # Order is kept already.
    return view.__dlpack__(stream=-1, **options)


def _cuda_core() -> Any:
    try:
        return importlib.import_module("cuda.core.utils")
    except ImportError as error:
        raise MissingError(f"DLPack needs cuda-python ({error}); pip install 'trt-anime[gpu]'") from error
