"""Frames through a session of ONNX Runtime on the GPU, over streams of ours, against ONNX Runtime alone."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.pipeline import random_frames, through
from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.devices.cuda_device import CudaDevice
from trt_anime.runtime.pipeline.chain import Node
from trt_anime.runtime.sessions.api import Session
from trt_anime.runtime.stages import STAGES
from trt_anime.stage import StageInfo


def session_on_cuda(device: CudaDevice) -> str:
    """Raises ModuleNotFoundError, MissingError: onnx, or ONNX Runtime with CUDA, isn't here."""
    import onnxruntime as ort

    from trt_anime.runtime.sessions.ort_cuda import OrtCudaSession

    with tempfile.TemporaryDirectory() as folder:
        graph = small_graph(Path(folder) / "small.onnx")
        with OrtCudaSession(graph, device, name="check", allow_cpu_nodes=False) as session:
            return compared(device, session, ort.InferenceSession(str(graph)))


def compared(device: Device, session: Session, reference: Any) -> str:
    """Frames through the pipeline. Raises EngineError: not what `reference` gives."""
    frames = random_frames(8)
    found, _ = through(device, [Node(STAGES["2a"], session)], frames)
    expected = [np.asarray(reference.run(None, {"frame": frame})[0], np.uint8) for frame in frames]
    gap = max(
        int(np.abs(layers["character"].astype(int) - other).max())
        for layers, other in zip(found, expected, strict=True)
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
