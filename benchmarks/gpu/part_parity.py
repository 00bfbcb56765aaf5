"""Every stage graph here on the GPU, by every library that can, against ONNX Runtime's CPU."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.findings import Seen
from benchmarks.gpu.precision import CLIP, own_home
from benchmarks.gpu.room import graph_bytes, require_room
from benchmarks.gpu.running import REMEDY, Context, Step
from trt_anime.engines.targets import RTX_CAPABILITIES, FlavourName, Target
from trt_anime.errors import EngineError, InputError, MissingError

if TYPE_CHECKING:
    from trt_anime.calibration.inputs import Reading
    from trt_anime.parity import Parity
    from trt_anime.runtime.devices.api import Device
    from trt_anime.runtime.sessions.api import GpuDevice, Session

FRAMES = 3
_GRAPH_S = 40.0
# More for each GB of weights: they are read twice, and one core may do what a GPU needs no time for.
_GB_S = 15.0
# Of a stage that no task is known for: the sum of all differences.
_BY_VALUES = ""

Opened = Callable[[Path, "Device"], AbstractContextManager["Session"]]


def steps(context: Context) -> list[Step]:
    """One for each graph and library, and one for each library that isn't here."""
    ways, absent = ways_of(context)
    found = [
        Step(f"{path.stem} by {name}", partial(compared, context, graphs, path, opened), _seconds(path))
        for graphs in models_here()
        for path in graphs
        for name, opened in ways.items()
    ]
    return [*found, *(Step(name, partial(_missing, why)) for name, why in absent.items() if found)]


def models_here() -> Iterator[list[Path]]:
    """The graphs of each model of the catalogue that has them, in the order in which they run."""
    from trt_anime.export import catalogue
    from trt_anime.export.graphs import existing

    for model in catalogue.CATALOGUE.values():
        if found := list((existing(model) or {}).values()):
            yield found


def parity_words(reading: "Reading", run: Any, frames: Sequence[NDArray[np.uint8]], name: str) -> str:
    """How near `run` is to the graph on the CPU.

    Args:
        run: inputs by name to outputs by name.
        frames: uint8 [1,H,W,3].
        name: of what runs.

    Raises EngineError: too far, by the limits of FP16 and FP32, or it isn't finite.
    """
    inputs = [reading.inputs_for(frame) for frame in frames]
    return agreement(reading.run, run, inputs, name=name, stage=reading.info.stage, precision="fp32")


def agreement(
    reference: Any, run: Any, inputs: Sequence[Mapping[str, Any]], *, name: str, stage: str, precision: str
) -> str:
    """How near `run` is to `reference`, which the CPU computed, in words; see `calibration.parity.compare`.

    Args:
        reference, run: inputs by name to outputs by name.
        inputs: of one frame each.
        name: of what runs.

    Raises EngineError: too far, by the limits of that precision, or it isn't finite.
    """
    from trt_anime.calibration.parity import compare
    from trt_anime.cli.engines.summary import parity_words as words_of

    def measured(stage: str) -> "Parity":
        return compare(
            reference,
            run,
            inputs,
            stage=stage,
            precision=precision,
            reference_name="the graph on ONNX Runtime's CPU",
            candidate_name=name,
        ).parity

    try:
        parity, note = measured(stage), ""
    except InputError:  # nothing to see for a network with random weights: no character, no object
        parity, note = measured(_BY_VALUES), ", by its values alone"
    if not parity.passed:
        raise EngineError(f"too far from the CPU: {words_of(parity)}{note}")
    return f"{len(inputs)} frames, {words_of(parity)}{note}"


def readings(graphs: Sequence[Path]) -> "list[Reading]":
    """Each with those before it. Raises InputError: not a graph that ONNX Runtime can run."""
    from trt_anime.calibration.inputs import Reading
    from trt_anime.calibration.parity import run_with_onnxruntime
    from trt_anime.engines.builder import stage_graph_from_file

    found: list[Reading] = []
    for path in graphs:
        graph = stage_graph_from_file(path)
        found.append(Reading(graph.model, graph.info, tuple(found), run_with_onnxruntime(path)))
    return found


@contextmanager
def as_function(session: "Session", device: "Device") -> Iterator[Callable[..., Mapping[str, Any]]]:
    """A session for inputs of any shape, which are set up when they first come."""
    from trt_anime.runtime.sessions.running import Running

    made: dict[tuple[Any, ...], Running] = {}

    def run(inputs: Mapping[str, NDArray[Any]]) -> Mapping[str, Any]:
        key = tuple((name, array.shape) for name, array in inputs.items())
        if key not in made:
            made[key] = Running(session, device, {name: array.shape for name, array in inputs.items()})
        return made[key](inputs)

    try:
        yield run
    finally:
        for running in made.values():
            running.close()


def example_frames(context: Context, count: int = FRAMES) -> list[NDArray[np.uint8]]:
    """Frames of the sample, uint8 [1,H,W,3]; small ones in a rehearsal."""
    import cv2

    from trt_anime.runtime.media.reader import open_source

    found: list[NDArray[np.uint8]] = []
    with open_source(CLIP, threads=1) as source:
        frames = source.info.frames or count
        wanted = {index * frames // count for index in range(count)}
        for frame in source:
            if frame.stamp.index in wanted:
                small = cv2.resize(frame.rgb, (320, 180)) if context.rehearsal else np.array(frame.rgb)
                found.append(np.asarray(small, np.uint8)[None])
    return found


def compared(context: Context, graphs: Sequence[Path], path: Path, opened: Opened) -> Seen:
    """Raises MissingError: the library isn't here, or not enough memory. EngineError: too far off."""
    from trt_anime.runtime.sessions.bindings import BoundSession

    with_earlier = graphs[: graphs.index(path) + 1]
    with context.opened() as device:
        require_room(with_earlier, device)
        with opened(path, device) as session, as_function(session, device) as run:
            frames = example_frames(context)
            if isinstance(session, BoundSession):
                session.about_frames(*frames[0].shape[1:3])
            reading = readings(with_earlier)[-1]
            words = parity_words(reading, run, frames, session.origin.provider)
            return Seen("; ".join([words, *getattr(session, "notices", ())]))


def _missing(why: str) -> Seen:
    raise MissingError(why)


def _seconds(graph: Path) -> float:
    return _GRAPH_S + _GB_S * graph_bytes(graph) / 1e9


def ways_of(context: Context) -> tuple[dict[str, Opened], dict[str, str]]:
    """What can run a graph here, by name; and what else could, with the reason why it can't."""
    if context.rehearsal:
        return {"ONNX Runtime CPU, through our streams": on_cpu}, {}
    from trt_anime.engines.machine import flavours_here

    versions = flavours_here(("trt", "rtx"))
    engines = engine_ways()
    here = {
        name: way
        for (name, way), version in zip(engines.items(), versions.values(), strict=True)
        if version
    }
    absent = {name: f"it isn't installed; {REMEDY}" for name in engines if name not in here}
    return {"ONNX Runtime CUDA": on_cuda, **here}, absent


def engine_ways() -> dict[str, Opened]:
    """The libraries that compile engines, by name. Opening raises MissingError: it isn't here."""
    return {
        "TensorRT": partial(_by_engine, flavour="trt"),
        "TensorRT-RTX": partial(_by_engine, flavour="rtx"),
    }


@contextmanager
def on_cpu(path: Path, device: "Device") -> "Iterator[Session]":
    from trt_anime.runtime.devices.api import CpuDevice
    from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

    with OrtCpuSession(path, cast(CpuDevice, device), threads=2, name="parity") as session:
        yield session


@contextmanager
def on_cuda(path: Path, device: "Device") -> "Iterator[Session]":
    from trt_anime.runtime.sessions.ort_cuda import OrtCudaSession

    gpu = cast("GpuDevice", device)
    with OrtCudaSession(path, gpu, name="parity", allow_cpu_nodes=True) as session:
        yield session


@contextmanager
def _by_engine(path: Path, device: "Device", *, flavour: FlavourName) -> "Iterator[Session]":
    """Built here, in a store of its own. Raises MissingError: the library or its target isn't here."""
    from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
    from trt_anime.engines.machine import flavours_here
    from trt_anime.engines.manifest import Profile
    from trt_anime.runtime.sessions.tensorrt_engine import TensorRtSession

    gpu = cast("GpuDevice", device)
    capability = gpu.info.capability
    if not flavours_here((flavour,))[flavour]:
        raise MissingError(f"it isn't installed; {REMEDY}")
    if flavour == "rtx" and capability not in RTX_CAPABILITIES:
        raise MissingError(f"TensorRT-RTX has no target for sm{capability}")
    with tempfile.TemporaryDirectory() as folder, own_home(Path(folder)):
        built = engine_from_graph(
            stage_graph_from_file(path),
            Target(flavour, capability),
            precision="fp32",
            profile=Profile(height=720, width=1280, max_batch=1),
            on_progress=lambda share: None,
        )
        with TensorRtSession(built.entry, gpu, name="parity") as session:
            yield session
