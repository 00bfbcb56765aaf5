"""The parts of `make gpu-check`: what each runs, what it needs, how long it may take."""

from dataclasses import dataclass

# A part has to be over in nine minutes; what is stopped from outside gets this on top of the limit.
GRACE_S = 45.0
_LONG_S = 470.0


@dataclass(frozen=True)
class Part:
    """Some steps that run in a process of their own.

    Attributes:
        name: as `PARTS=` takes it.
        what: for people.
        module: has `steps`, which gives them.
        needs: modules without which nothing of it can run.
        limit_s: no step is begun that wouldn't be done by then.
        rehearses: whether it also runs on a CPU, where it proves that it works and nothing about a GPU.
    """

    name: str
    what: str
    module: str
    needs: tuple[str, ...]
    limit_s: float = _LONG_S
    rehearses: bool = True


_MEDIA = ("numpy", "av", "cv2", "onnx", "onnxruntime")

PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(
            "doctor", "what this machine can do", "benchmarks.gpu.part_doctor", ("pydantic",), limit_s=120
        ),
        Part(
            "device",
            "copies, streams, events, graphs, sessions, and what they are worth",
            "benchmarks.gpu.part_device",
            ("numpy", "cuda.bindings"),
            rehearses=False,
        ),
        Part(
            "tests",
            "the tests of devices, sessions and pipeline",
            "benchmarks.gpu.suite",
            (),
            rehearses=False,
        ),
        Part("graphs", "weights and graphs of the chain's stages", "benchmarks.gpu.part_graphs", ("onnx",)),
        Part("parity", "every graph here against ONNX Runtime's CPU", "benchmarks.gpu.part_parity", _MEDIA),
        Part(
            "engines",
            "FP32, FP16 and INT8 by TensorRT",
            "benchmarks.gpu.part_engines",
            ("numpy", "av", "cv2", "onnx"),
            rehearses=False,
        ),
        Part("layers", "layers inside engines", "benchmarks.gpu.part_layers", _MEDIA),
        Part("precision", "FP16 against FP32 without TensorRT", "benchmarks.gpu.part_precision", _MEDIA),
        Part(
            "baseline",
            "sequential PyTorch against the chain",
            "benchmarks.gpu.part_baseline",
            (*_MEDIA, "torch"),
        ),
        Part("sweep", "frames a batch and slots", "benchmarks.gpu.part_sweep", _MEDIA),
        Part("profile", "overlap and idle share of whole runs", "benchmarks.gpu.part_profile", _MEDIA),
        Part("chain", "the whole default chain, stage by stage", "benchmarks.gpu.part_chain", _MEDIA),
        Part("soak", "minutes of it: memory, clocks, speed", "benchmarks.gpu.part_soak", _MEDIA),
    )
}
