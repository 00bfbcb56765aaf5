"""A published network on the GPU with ONNX Runtime's CUDA provider."""

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
    graph = str(graphs.ensure(MODEL)["matte"])
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
