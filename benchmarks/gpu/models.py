"""A published network on the GPU: with ONNX Runtime's CUDA provider, and as a TensorRT engine."""

import numpy as np

from trt_anime.errors import MissingError, TrtAnimeError

MODEL = "u2netp"


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
    """An FP16 TensorRT engine of the matte graph, built on this GPU."""
    from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
    from trt_anime.engines.flavours import native_target
    from trt_anime.engines.manifest import Profile
    from trt_anime.export import catalogue, graphs

    target = native_target()
    graph = stage_graph_from_file(graphs.ensure(MODEL))
    profile = Profile(height=720, width=1280, max_batch=4)
    built = engine_from_graph(
        graph, target, precision="fp16", profile=profile, on_progress=lambda share: None
    )
    size_mb = built.entry.manifest.size_bytes / 1e6
    licence = catalogue.get(MODEL).licence
    return f"{built.entry.engine.name}, {size_mb:.1f} MB; weights: {MODEL} ({licence})"
