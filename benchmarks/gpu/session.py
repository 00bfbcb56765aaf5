"""Frames through the GPU's sessions, over streams of ours, against ONNX Runtime alone."""

import json
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.pipeline import HEIGHT, WIDTH, random_frames, through
from trt_anime.engines.store import Entry
from trt_anime.engines.targets import RTX_CAPABILITIES, FlavourName, Target
from trt_anime.errors import EngineError, MissingError
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


def engine_on_cuda(device: CudaDevice, *, flavour: FlavourName) -> str:
    """An engine that is built here, of TensorRT (``trt``) or TensorRT-RTX (``rtx``).

    Raises:
        ModuleNotFoundError, MissingError: onnx or the library isn't here, or it hasn't this GPU.
    """
    import onnxruntime as ort

    from trt_anime.runtime.sessions.tensorrt_engine import TensorRtSession

    with tempfile.TemporaryDirectory() as folder:
        path = small_graph(Path(folder) / "small.onnx")
        entry = _small_engine(path, device, flavour)
        with TensorRtSession(entry, device, name="check") as session:
            words = compared(device, session, ort.InferenceSession(str(path)))
            layers = json.loads(session.layer_information(), strict=False).get("Layers", ())
            return "; ".join([words, f"{len(layers)} layers", *session.notices])


def polygraphy_on_cuda(device: CudaDevice) -> str:
    """The same engine by NVIDIA's own runner, which shares no code with ours.

    Raises:
        ModuleNotFoundError, MissingError: Polygraphy, onnx or TensorRT isn't here.
    """
    from trt_anime.runtime.sessions.running import Running
    from trt_anime.runtime.sessions.tensorrt_engine import TensorRtSession

    if find_spec("polygraphy") is None:
        raise MissingError("needs Polygraphy; pip install 'trt-anime[calibration]'")
    with tempfile.TemporaryDirectory() as folder:
        entry = _small_engine(small_graph(Path(folder) / "small.onnx"), device, "trt")
        with (
            TensorRtSession(entry, device, name="check") as session,
            Running(session, device, {"frame": (1, HEIGHT, WIDTH, 3)}) as running,
        ):
            return same_by_polygraphy(running, entry.engine.read_bytes())


def same_by_polygraphy(ours: Callable[[Any], Any], engine: bytes) -> str:
    """Raises EngineError: `ours` and Polygraphy's runner differ in a byte of what they make of a frame."""
    from polygraphy.backend.trt import EngineFromBytes, TrtRunner

    frames = random_frames(4)
    with TrtRunner(EngineFromBytes(engine)) as theirs:
        for number, frame in enumerate(frames):
            found, expected = ours({"frame": frame}), theirs.infer({"frame": frame})
            for name, array in found.items():
                if not np.array_equal(array, expected[name]):
                    raise EngineError(f"`{name}` of frame {number} isn't what Polygraphy's runner gives")
    return f"{len(frames)} frames, every byte the same"


def _small_engine(graph: Path, device: CudaDevice, flavour: FlavourName) -> Entry:
    from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
    from trt_anime.engines.flavours import native_target
    from trt_anime.engines.manifest import Profile

    capability = device.info.capability
    if flavour == "rtx" and capability not in RTX_CAPABILITIES:
        raise MissingError(f"TensorRT-RTX has no target for sm{capability}")
    target = native_target() if flavour == "trt" else Target("rtx", capability)
    profile = Profile(height=HEIGHT, width=WIDTH, max_batch=1)
    return engine_from_graph(
        stage_graph_from_file(graph),
        target,
        precision="fp32",
        profile=profile,
        on_progress=lambda share: None,
    ).entry


def compared(device: Device, session: Session, reference: Any) -> str:
    """Frames through the pipeline.

    Raises:
        EngineError: not what `reference` gives, or not replayed from CUDA graphs where that was promised.
    """
    frames = random_frames(8)
    is_promised = session.why_not_captured is None
    found, notices = through(device, [Node(STAGES["2a"], session)], frames)
    if notices and is_promised:
        raise EngineError("; ".join(notices))
    expected = [np.asarray(reference.run(None, {"frame": frame})[0], np.uint8) for frame in frames]
    gap = max(
        int(np.abs(layers["character"].astype(int) - other).max())
        for layers, other in zip(found, expected, strict=True)
    )
    if gap > 1:  # a sum in another order may round to the neighbour
        raise EngineError(f"frames differ from ONNX Runtime's own by {gap} of 255")
    words = f"{len(frames)} frames, {session.origin.provider}, differ by {gap} of 255 at most"
    return "; ".join([words, *notices])


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
