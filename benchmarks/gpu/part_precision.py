"""A network in FP16 and INT8 on ONNX Runtime's CUDA provider: near enough to FP32, and how much faster."""

from contextlib import AbstractContextManager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from benchmarks.gpu.findings import Seen, StepError, Table
from benchmarks.gpu.models import MODEL
from benchmarks.gpu.part_parity import as_function, example_frames, readings
from benchmarks.gpu.precision import TYPED, calibrate
from benchmarks.gpu.running import REMEDY, Context, Step
from benchmarks.gpu.same import require_as_cpu
from benchmarks.tables import Spread, paired_ratio
from trt_anime import typed
from trt_anime.errors import MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.sessions.running import Running

if TYPE_CHECKING:
    from trt_anime.runtime.devices.api import CpuDevice, Device
    from trt_anime.runtime.sessions.api import GpuDevice, Session

ROUNDS = 5


def steps(context: Context) -> list[Step]:
    return [Step(precision, partial(_against_fp32, context, precision), least_s=120) for precision in TYPED]


def _against_fp32(context: Context, precision: str) -> Seen:
    """Raises MissingError: it isn't calibrated. EngineError: too far from FP32."""
    from trt_anime.calibration.parity import compare
    from trt_anime.cli.engines.summary import parity_words
    from trt_anime.export import graphs

    graph = graphs.ensure(MODEL)["matte"]
    lowered = lowered_to(precision, graph, may_make=not context.rehearsal)
    frames = example_frames(context)
    [reading] = readings([graph])
    with context.opened() as device:
        with session_of(lowered, device) as session, as_function(session, device) as run:
            comparison = compare(
                reading.run,
                run,
                ({"frame": frame} for frame in frames),
                stage="matte",
                precision=precision,
                reference_name="fp32 graph on the CPU",
                candidate_name=f"{precision} graph, {session.origin.provider}",
            )
        words = f"{len(frames)} frames, {parity_words(comparison.parity)}"
        if not comparison.parity.passed:
            raise StepError(f"too far from FP32, so no speed is told: {words}", ())
        table = _timed(graph, lowered, frames[0], device, precision)
    return Seen(words, (table,))


def lowered_to(precision: str, graph: Path, *, may_make: bool) -> Path:
    """The graph calibrated to a precision: from a bundle or an earlier call, or else made here.

    Raises MissingError: neither.
    """
    found = typed.find(sha256_of(graph), precision=precision, form="tensorrt")
    if found is not None:
        return found.graph
    if not may_make or find_spec("modelopt") is None:
        raise MissingError(f"{MODEL} isn't calibrated to {precision}, which needs ModelOpt; {REMEDY}")
    return calibrate(graph, precision)


def session_of(graph: Path, device: "Device") -> "AbstractContextManager[Session]":
    """On ONNX Runtime, as the device is."""
    if device.name == "cpu":
        from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

        return OrtCpuSession(graph, cast("CpuDevice", device), threads=2, name="2a")
    from trt_anime.runtime.sessions.ort_cuda import OrtCudaSession

    return OrtCudaSession(graph, cast("GpuDevice", device), name="2a", allow_cpu_nodes=True)


def _timed(
    graph: Path,
    lowered: Path,
    frame: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]",
    device: "Device",
    name: str,
) -> Table:
    """Both in turns, by the device's events, without copies.

    Raises StepError: in FP32 the device doesn't give what the CPU does.
    """
    shapes = {"frame": frame.shape}
    with (
        session_of(graph, device) as full,
        session_of(lowered, device) as half,
        Running(full, device, shapes) as theirs,
        Running(half, device, shapes) as ours,
    ):
        require_as_cpu(graph, theirs, [frame], full.origin.provider)
        ours({"frame": frame})
        few = device.name == "cpu"
        repeats = {"warm_up": 1, "repeats": 1 if few else 30}
        pairs = [(theirs.seconds(**repeats), ours.seconds(**repeats)) for _ in range(2 if few else ROUNDS)]
    before, after = ([1000 * pair[side] for pair in pairs] for side in (0, 1))
    rows = [
        ("fp32", Spread.of(before).text(3), "1.00"),
        (name, Spread.of(after).text(3), paired_ratio(before, after).text(2)),
    ]
    height, width = frame.shape[1:3]
    return Table(
        f"{name} against fp32",
        f"{MODEL}, {width}x{height}, one frame at a time on {full.origin.provider}, no copies, in turns.",
        ("precision", "ms a frame", "times as fast"),
        rows,
    )
