"""A published network on the GPU: with ONNX Runtime's CUDA provider, and as a TensorRT engine."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trt_anime.errors import MissingError, TrtAnimeError

if TYPE_CHECKING:
    from trt_anime.engines.manifest import Precision

MODEL = "u2netp"
CLIP = Path(__file__).parents[2] / "samples" / "first_light.mp4"


def parity_on_cuda() -> str:
    """The matte graph on ONNX Runtime's CUDA provider against its CPU provider."""
    import onnxruntime as ort

    from trt_anime.export import catalogue, graphs
    from trt_anime.export.matte.check import difference, example_frames

    if "CUDAExecutionProvider" not in ort.get_available_providers():
        raise MissingError("ONNX Runtime has no CUDA provider here; pip install 'trt-anime[gpu]'")
    graph = str(graphs.ensure(MODEL))
    frames = example_frames()
    providers = ("CUDAExecutionProvider", "CPUExecutionProvider")
    sessions = [ort.InferenceSession(graph, providers=[provider]) for provider in providers]
    if sessions[0].get_providers()[0] != "CUDAExecutionProvider":
        raise TrtAnimeError("ONNX Runtime fell back to the CPU")
    found, expected = (
        np.asarray(session.run(None, {"frame": frames})[0], np.uint8) for session in sessions
    )
    gap = difference(found, expected)
    if not gap.passed:
        raise TrtAnimeError(f"CUDA differs from CPU by {gap}")
    return f"CUDA differs from CPU by {gap}; weights: {MODEL} ({catalogue.get(MODEL).licence})"


def native_engine() -> str:
    """A TensorRT engine of the matte graph, built on this GPU: in FP16 if it can be calibrated here."""
    from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
    from trt_anime.engines.flavours import native_target
    from trt_anime.engines.manifest import Profile
    from trt_anime.export import catalogue, graphs

    target = native_target()
    graph = stage_graph_from_file(graphs.ensure(MODEL))
    profile = Profile(height=720, width=1280, max_batch=4)
    precision, reason = _precision_of(graph.path)
    built = engine_from_graph(
        graph, target, precision=precision, profile=profile, on_progress=lambda share: None
    )
    size_mb = built.entry.manifest.size_bytes / 1e6
    licence = catalogue.get(MODEL).licence
    return f"{built.entry.folder.name}, {size_mb:.1f} MB{reason}; weights: {MODEL} ({licence})"


def _precision_of(graph: Path) -> "tuple[Precision, str]":
    """FP16, calibrated on the sample clip, or FP32 and why it isn't FP16."""
    from trt_anime.cli.calibrate.work import Work

    work = Work([CLIP], seed=0, method=None, again=False, say=lambda sentence: None)
    try:
        work.typed(graph, "fp16", "tensorrt")
    except MissingError as error:
        return "fp32", f" (not fp16: {error})"
    return "fp16", ""
