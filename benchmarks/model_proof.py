"""One model, from its weights to engines: what was found on the way."""

import math
import os
import resource
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import onnx

from benchmarks.model_weights import REAL
from trt_anime.calibration.parity import run_with_onnxruntime
from trt_anime.cli.calibrate import frames
from trt_anime.cli.calibrate.work import Work
from trt_anime.cli.engines.summary import worst_metric
from trt_anime.cli.engines.workers import workers_for
from trt_anime.engines.batch import Order, engines_from_orders
from trt_anime.engines.manifest import Precision, Profile
from trt_anime.engines.targets import targets_from_names
from trt_anime.errors import TrtAnimeError
from trt_anime.export import catalogue, graphs
from trt_anime.hollow import weight_files
from trt_anime.typed import TypedGraph

CLIP = Path(__file__).parents[1] / "samples" / "first_light.mp4"
PROFILE = Profile(height=720, width=1280, max_batch=4)
LATENCY_RUNS = 3
_TYPED_BYTES = 1_500_000_000  # larger graphs don't fit into the one message that typing needs


@dataclass(frozen=True)
class EngineProof:
    """`error` where there is no engine."""

    target: str
    precision: str
    build_s: float = 0.0
    size_bytes: int = 0
    error: str = ""


@dataclass(frozen=True)
class HalfProof:
    """A graph in FP16 against FP32: the metric nearest to its limit, and what stayed in FP32."""

    metric: str = ""
    value: float = 0.0
    limit: float | None = None
    unit: str = ""
    passed: bool = False
    kept: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class GraphProof:
    """One stage graph. `difference`: from PyTorch, in words; empty where it holds no network.
    `build_cpu_s`: what the process of an engine took of all cores, on average, its start included."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: int
    size_bytes: int
    difference: str
    latency_s: float
    half: HalfProof
    engines: tuple[EngineProof, ...] = ()
    build_cpu_s: float = 0.0


@dataclass(frozen=True)
class Proof:
    """A model: `real` weights or random ones; memory is the most that its export took."""

    model: str
    stage: str
    licence: str
    real: bool
    checkpoint_bytes: int
    export_s: float
    export_memory_bytes: int
    graphs: tuple[GraphProof, ...] = field(default_factory=tuple)


def proof_of(model: str, *, engines: bool) -> dict[str, Any]:
    """`Proof` as JSON takes it. In a process of its own, or the memory isn't the model's; its weights are
    in the store."""
    import torch  # noqa: F401 - the export's memory is that of the model, without the library's

    row = catalogue.get(model)
    before, start = _memory_bytes(), time.monotonic()
    made = graphs.export(model)
    seconds, memory = time.monotonic() - start, _memory_bytes() - before
    paths = [graph.path for graph in made.graphs]
    _few_frames()
    work = Work(
        [CLIP],
        before={path: paths[:number] for number, path in enumerate(paths)},
        seed=0,
        method=None,
        again=False,
        say=lambda words: print(words, flush=True),
        search=model in REAL,
    )
    proofs = [_graph_proof(model, graph, work, engines) for graph in made.graphs]
    return asdict(
        Proof(
            model=model,
            stage=row.stage,
            licence=row.licence,
            real=model in REAL,
            checkpoint_bytes=made.checkpoint.stat().st_size,
            export_s=seconds,
            export_memory_bytes=memory,
            graphs=tuple(proofs),
        )
    )


def _graph_proof(model: str, graph: graphs.Graph, work: Work, engines: bool) -> GraphProof:
    print(f"{model} {graph.name}", flush=True)
    loaded = onnx.load(graph.path, load_external_data=False)
    half, typed = _half(graph.path, work)
    precision: Precision = "fp16" if typed else "fp32"
    before = _children_cpu_s()
    built = tuple(_engines(model, graph.path, precision)) if engines else ()
    cpu_s = (_children_cpu_s() - before) / max(len(built), 1)
    return GraphProof(
        name=graph.name,
        inputs=tuple(_signature(loaded.graph.input)),
        outputs=tuple(_signature(loaded.graph.output)),
        parameters=sum(math.prod(tensor.dims) for tensor in loaded.graph.initializer),
        size_bytes=_size_bytes(graph.path, loaded),
        difference=str(graph.difference or ""),
        latency_s=_latency_s(graph.path, work),
        half=half,
        engines=built,
        build_cpu_s=cpu_s,
    )


def _half(path: Path, work: Work) -> tuple[HalfProof, TypedGraph | None]:
    shell = onnx.load(path, load_external_data=False)
    if not weight_files(shell, path) and _size_bytes(path, shell) > _TYPED_BYTES:
        return HalfProof(error="too large for one ONNX file, so it isn't typed"), None
    try:
        typed = work.typed(path, "fp16", "tensorrt")
    except TrtAnimeError as error:
        return HalfProof(error=str(error)), None
    record = typed.record
    kept = tuple(row.node for row in record.kept)
    worst = worst_metric(record.parity)
    if worst is None:
        return HalfProof(passed=record.parity.passed, kept=kept), typed
    return HalfProof(worst.name, worst.value, worst.limit, worst.unit, record.parity.passed, kept), typed


def _latency_s(path: Path, work: Work) -> float:
    """Median, FP32, ONNX Runtime, all cores; the first run warms up."""
    inputs = work.example(path)
    run = run_with_onnxruntime(path)
    times = []
    for _ in range(LATENCY_RUNS + 1):
        start = time.monotonic()
        run(inputs)
        times.append(time.monotonic() - start)
    return statistics.median(times[1:])


def _engines(model: str, path: Path, precision: Precision) -> Iterator[EngineProof]:
    orders = [Order(model, path, target, precision, PROFILE) for target in targets_from_names("all")]
    outcomes = engines_from_orders(
        orders,
        workers=workers_for(orders)[0],
        force=True,
        on_progress=lambda order, share: None,
        on_done=lambda outcome: print(outcome.order.title, outcome.error or "", flush=True),
    )
    for outcome in outcomes:
        target = outcome.order.target.name
        if outcome.built is None:
            yield EngineProof(target, precision, error=str(outcome.error))
        else:
            manifest = outcome.built.entry.manifest
            yield EngineProof(target, precision, manifest.build_s, manifest.size_bytes)


def _signature(values: Any) -> Iterator[str]:
    for value in values:
        tensor = value.type.tensor_type
        kind = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        shape = ",".join(str(dim.dim_param or dim.dim_value) for dim in tensor.shape.dim)
        yield f"{value.name} {kind}[{shape}]"


def _size_bytes(path: Path, model: onnx.ModelProto) -> int:
    """With the files that it has its weights in."""
    return sum(file.stat().st_size for file in (path, *weight_files(model, path)))


def _few_frames() -> None:
    """Enough for FP16, whose ranges come from them; precision has tables of its own."""
    for name, count in {"CALIBRATION_FRAMES": 4, "VALIDATION_FRAMES": 2}.items():
        setattr(frames, name, count)


def _children_cpu_s() -> float:
    """What processes that this one has waited for took of the cores."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory_bytes() -> int:
    """The most that this process has held until now."""
    scale = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
