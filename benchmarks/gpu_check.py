"""What only a real GPU can prove, in one command: `make gpu-check`.

Writes docs/measurements/<gpu>.md. On a machine without a GPU it says so, claims nothing and exits 0.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx

from trt_anime.engines.flavours import native_target
from trt_anime.errors import MissingError, TrtAnimeError
from trt_anime.export import catalogue, graphs

REPORTS = Path("docs/measurements")
MODEL = "u2netp"


@dataclass(frozen=True)
class Result:
    """One check: `outcome` is passed, failed or skipped, `words` say what was seen."""

    name: str
    outcome: str
    words: str


def main() -> int:
    gpu = _gpu_name()
    if gpu is None:
        print("No NVIDIA GPU answers on this machine: no GPU check was made, and none is claimed to pass.")
        return 0
    checks: list[Callable[[], str]] = [parity_on_cuda, native_engine]
    results = [_result(check) for check in checks]
    path = REPORTS / f"{re.sub(r'[^a-z0-9]+', '-', gpu.lower()).strip('-')}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_report(gpu, results))
    for result in results:
        print(f"{result.outcome}: {result.name}: {result.words}")
    print(path)
    return int(any(result.outcome == "failed" for result in results))


def parity_on_cuda() -> str:
    """The matte graph on ONNX Runtime's CUDA provider against its CPU provider."""
    import onnxruntime as ort

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
    return f"CUDA differs from CPU by {gap}"


def native_engine() -> str:
    """An FP16 TensorRT engine of the matte graph, built on this GPU."""
    from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
    from trt_anime.engines.manifest import Profile

    graph = stage_graph_from_file(graphs.ensure(MODEL))
    profile = Profile(height=720, width=1280, max_batch=4)
    built = engine_from_graph(
        graph, native_target(), precision="fp16", profile=profile, on_progress=lambda share: None
    )
    return f"{built.entry.engine.name}, {built.entry.manifest.size_bytes / 1e6:.1f} MB"


def _result(check: Callable[[], str]) -> Result:
    name = check.__name__.replace("_", " ")
    try:
        return Result(name, "passed", check())
    except MissingError as error:
        return Result(name, "skipped", str(error))
    except TrtAnimeError as error:
        return Result(name, "failed", str(error))


def _gpu_name() -> str | None:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader", "--id=0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _report(gpu: str, results: list[Result]) -> str:
    licence = catalogue.get(MODEL).licence
    lines = [
        f"# GPU check on {gpu}",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, onnx {onnx.__version__}, weights: {MODEL} ({licence})",
        "",
        "| check | outcome | seen |",
        "|---|---|---|",
        *[f"| {r.name} | {r.outcome} | {r.words} |" for r in results],
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
