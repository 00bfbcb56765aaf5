"""Frames through a session of ONNX Runtime on the GPU, over streams of ours, against ONNX Runtime alone."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Device, Tensor
from trt_anime.runtime.devices.cuda_device import CudaDevice
from trt_anime.runtime.sessions.api import Session
from trt_anime.stage import StageInfo

Frames = NDArray[np.uint8]

_HEIGHT, _WIDTH = 540, 961
_BYTE = np.dtype(np.uint8)


def session_on_cuda(device: CudaDevice) -> str:
    """Raises ModuleNotFoundError, MissingError: onnx, or ONNX Runtime with CUDA, isn't here."""
    import onnxruntime as ort

    from trt_anime.runtime.sessions.ort_cuda import OrtCudaSession

    with tempfile.TemporaryDirectory() as folder:
        graph = small_graph(Path(folder) / "small.onnx")
        with OrtCudaSession(graph, device, name="check", allow_cpu_nodes=False) as session:
            return compared(device, session, ort.InferenceSession(str(graph)))


def compared(device: Device, session: Session, reference: Any) -> str:
    """Frames one after the other through two slots. Raises EngineError: not what `reference` gives."""
    rng = np.random.default_rng(3)
    frames = [rng.integers(0, 256, (1, _HEIGHT, _WIDTH, 3), np.uint8) for _ in range(8)]
    found = _through(device, session, frames)
    expected = [np.asarray(reference.run(None, {"frame": frame})[0], np.uint8) for frame in frames]
    gap = max(
        int(np.abs(one.astype(int) - other).max()) for one, other in zip(found, expected, strict=True)
    )
    if gap > 1:  # a sum in another order may round to the neighbour
        raise EngineError(f"frames differ from ONNX Runtime's own by {gap} of 255")
    return f"{len(frames)} frames, {session.origin.provider}, differ by {gap} of 255 at most"


def small_graph(path: Path) -> Path:
    """A stage graph of one convolution, from the frame to RGBA."""
    from onnx import TensorProto, helper, numpy_helper, save

    weight = np.random.default_rng(2).uniform(-0.2, 0.2, (4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["frame"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["wide"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "weight"], ["mixed"], pads=[1, 1, 1, 1]),
        helper.make_node("Clip", ["mixed", "low", "high"], ["clipped"]),
        helper.make_node("Transpose", ["clipped"], ["pixels"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["pixels"], ["rgba"], to=TensorProto.UINT8),
    ]
    names = ["batch", "height", "width"]
    frame, rgba = (
        helper.make_tensor_value_info(name, TensorProto.UINT8, [*names, channels])
        for name, channels in (("frame", 3), ("rgba", 4))
    )
    constants = {"weight": weight, "low": np.float32(0), "high": np.float32(255)}
    values = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "small", [frame], [rgba], values),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    info = StageInfo("matte", "small", "0" * 64, "MIT", "none", {"rgba": (0.0, 255.0)})
    helper.set_model_props(model, info.to_metadata())
    save(model, str(path))
    return path


def _through(device: Device, session: Session, frames: Sequence[Frames]) -> list[Frames]:
    """Copy in, run and copy out on a stream each; events alone keep the order."""
    shapes = {"frame": frames[0].shape, **session.shapes({"frame": frames[0].shape})}
    lines = [device.stream(name=name) for name in ("in", "run", "out")]
    slots = [_Slot(device, shapes, number) for number in range(2)]
    found: list[Frames] = []
    for number, frame in enumerate(frames):
        slot = slots[number % 2]
        if number >= 2:
            found.append(slot.result(device))
        with device.writing(slot.host["frame"]) as array:
            array[:] = frame
        device.copy(slot.there["frame"], slot.host["frame"], stream=lines[0])
        device.record(slot.arrived, stream=lines[0])
        device.wait(slot.arrived, stream=lines[1])
        session.enqueue(slot.there, stream=lines[1], scratch=None)
        device.record(slot.computed, stream=lines[1])
        device.wait(slot.computed, stream=lines[2])
        device.copy(slot.host["rgba"], slot.there["rgba"], stream=lines[2])
        device.record(slot.done, stream=lines[2])
    for number in range(len(frames), len(frames) + 2):
        found.append(slots[number % 2].result(device))
    for slot in slots:
        slot.close()
    return found


class _Slot:
    def __init__(self, device: Device, shapes: dict[str, tuple[int, ...]], number: int) -> None:
        self.there, self.host = (
            {
                name: Tensor(allocate(int(np.prod(shape)), name=f"{place} {name} {number}"), shape, _BYTE)
                for name, shape in shapes.items()
            }
            for place, allocate in (("device", device.allocate), ("host", device.allocate_pinned))
        )
        self.arrived, self.computed, self.done = (
            device.event(name=f"{name} {number}") for name in ("arrived", "computed", "done")
        )

    def result(self, device: Device) -> Frames:
        device.synchronize(self.done)
        with device.reading(self.host["rgba"]) as array:
            return np.array(array, np.uint8)

    def close(self) -> None:
        for tensor in (*self.there.values(), *self.host.values()):
            tensor.buffer.close()
