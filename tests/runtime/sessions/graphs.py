"""Stage graphs that sessions run, and the memory that they run on."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from tests.engines.graphs import stage_graph as toy_graph
from trt_anime.runtime.devices.api import CpuDevice, Device, Shape, Stream, Tensor
from trt_anime.runtime.sessions.api import Session

MATTE = {"frame": (1, 48, 64, 3)}
BYTE = np.dtype(np.uint8)


def conv_graph(path: Path) -> Path:
    """`tests.engines.graphs.stage_graph`: a convolution, resizes, TopK. Says its output's shape."""
    model = toy_graph()
    shape: list[str | int | None] = ["batch", "height", "width", 4]
    rgba = onnx.helper.make_tensor_value_info("rgba", onnx.TensorProto.UINT8, shape)
    model.graph.output[0].CopyFrom(rgba)
    onnx.save(model, path)
    return path


def strange_graph(path: Path) -> Path:
    """The same with an operator at its end that no library has."""
    model = onnx.load(conv_graph(path))
    model.graph.node[-1].output[0] = "almost"
    model.opset_import.append(onnx.helper.make_opsetid("elsewhere", 1))
    model.graph.node.append(
        onnx.helper.make_node("Strange", ["almost"], ["rgba"], name="odd_one", domain="elsewhere")
    )
    onnx.save(model, path)
    return path


class Bench:
    """A session on a CPU device, with a stream, and memory for what goes in and comes out."""

    def __init__(self, device: CpuDevice, session: Session) -> None:
        self.device, self.session = device, session
        self.stream = device.stream(name="test")

    def run(self, frames: NDArray[Any]) -> NDArray[Any]:
        """`rgba` of `frames`, through memory of the device as the pipeline does it."""
        tensors = self.tensors(frames.shape)
        host_in, host_out = (self._pinned(tensors[name]) for name in ("frame", "rgba"))
        with self.device.writing(host_in) as array:
            array[:] = frames
        self.device.copy(tensors["frame"], host_in, stream=self.stream)
        self.session.enqueue(tensors, stream=self.stream, scratch=None)
        self.device.copy(host_out, tensors["rgba"], stream=self.stream)
        self.wait(self.stream)
        with self.device.reading(host_out) as array:
            return array.copy()

    def tensors(self, shape: Shape) -> dict[str, Tensor]:
        shapes = {"frame": shape} | self.session.shapes({"frame": shape})
        return {name: tensor_on(self.device, name, size) for name, size in shapes.items()}

    def wait(self, stream: Stream) -> None:
        event = self.device.event(name="end")
        self.device.record(event, stream=stream)
        self.device.synchronize(event)

    def _pinned(self, tensor: Tensor) -> Tensor:
        buffer = self.device.allocate_pinned(tensor.size_bytes, name=f"host {tensor.buffer.name}")
        return Tensor(buffer, tensor.shape, tensor.dtype)


def tensor_on(device: Device, name: str, shape: Shape, dtype: np.dtype[Any] = BYTE) -> Tensor:
    size_bytes = int(np.prod(shape)) * dtype.itemsize
    return Tensor(device.allocate(size_bytes, name=name), shape, dtype)
