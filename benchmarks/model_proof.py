"""One model, from its weights to engines: what was found on the way."""

import math
import os
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.model_weights import REAL
from trt_anime.calibration.parity import compare, run_with_onnxruntime
from trt_anime.calibration.parity.case import Array
from trt_anime.calibration.parity.compare import Inputs
from trt_anime.cli.calibrate import frames
from trt_anime.cli.calibrate.work import Work
from trt_anime.cli.engines.build import profile_for
from trt_anime.cli.engines.summary import worst_metric
from trt_anime.cli.engines.workers import workers_for
from trt_anime.engines.batch import Order, Outcome, engines_from_orders
from trt_anime.engines.builder import stage_graph_from_file
from trt_anime.engines.manifest import Precision, Profile
from trt_anime.engines.targets import targets_from_names
from trt_anime.errors import TrtAnimeError
from trt_anime.export import catalogue, graphs
from trt_anime.hollow import weight_files
from trt_anime.runtime.sessions.ort_cpu import prepared
from trt_anime.stage import NETWORK
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
    """A graph in FP16 against FP32: the metric nearest to its limit, and what stayed in FP32.

    `unrest`: the metric of FP32 on nearly the same inputs, where FP16 is too far: what random weights make
    of any difference.
    """

    metric: str = ""
    value: float = 0.0
    limit: float | None = None
    unit: str = ""
    passed: bool = False
    kept: tuple[str, ...] = ()
    error: str = ""
    unrest: float | None = None


@dataclass(frozen=True)
class GraphProof:
    """One stage graph. `build_cpu_s`: what the process of an engine took of all cores, on average, its
    start included."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: int
    size_bytes: int
    latency_s: float
    half: HalfProof
    engines: tuple[EngineProof, ...] = ()
    build_cpu_s: float = 0.0


def proof_of(model: str, *, engines: bool) -> dict[str, Any]:
    """What is known of a model and, graph by graph, a `GraphProof`, as JSON takes it; it is exported."""
    row = catalogue.get(model)
    work = _work(model)
    proofs = [_graph_proof(model, name, path, work, engines) for name, path in graphs.ensure(model).items()]
    facts = {"model": model, "stage": row.stage, "licence": row.licence, "real": model in REAL}
    return facts | {"graphs": [asdict(proof) for proof in proofs]}


def engines_of(model: str) -> dict[str, Any]:
    """The engines alone, by graph: their fields of `GraphProof`. FP16 graphs are those that are there."""
    work = _work(model)
    return {
        name: _built(model, path, "fp16" if _half(path, work)[1] else "fp32")
        for name, path in graphs.ensure(model).items()
    }


def latencies_of(model: str) -> dict[str, Any]:
    """What a run takes on the CPU alone, by graph: its field of `GraphProof`."""
    work = _work(model)
    return {name: {"latency_s": _latency_s(path, work)} for name, path in graphs.ensure(model).items()}


def halves_of(model: str) -> dict[str, Any]:
    """FP16 alone, by graph: its field of `GraphProof`. Graphs that were typed aren't typed again."""
    work = _work(model)
    return {name: {"half": _half(path, work)[0]} for name, path in graphs.ensure(model).items()}


def _work(model: str) -> Work:
    _few_frames()
    paths = [*graphs.ensure(model).values()]
    return Work(
        [CLIP],
        before={path: paths[:number] for number, path in enumerate(paths)},
        seed=0,
        method=None,
        again=False,
        say=lambda words: print(words, flush=True),
        search=model in REAL,
    )


def _graph_proof(model: str, name: str, path: Path, work: Work, engines: bool) -> GraphProof:
    print(f"{model} {name}", flush=True)
    half, typed = _half(path, work)
    latency_s = _latency_s(path, work)
    work.close()  # what engines are built of needs the memory
    shell = onnx.load(path, load_external_data=False)
    proof = GraphProof(
        name=name,
        inputs=tuple(_signature(shell.graph.input)),
        outputs=tuple(_signature(shell.graph.output)),
        parameters=sum(math.prod(tensor.dims) for tensor in shell.graph.initializer),
        size_bytes=_size_bytes(path, shell),
        latency_s=latency_s,
        half=half,
    )
    del shell
    return replace(proof, **_built(model, path, "fp16" if typed else "fp32")) if engines else proof


def _built(model: str, path: Path, precision: Precision) -> dict[str, Any]:
    before = _children_cpu_s()
    built = tuple(_engines(model, path, precision))
    return {"engines": built, "build_cpu_s": (_children_cpu_s() - before) / max(len(built), 1)}


def _half(path: Path, work: Work) -> tuple[HalfProof, TypedGraph | None]:
    if path.stat().st_size > _TYPED_BYTES:
        return HalfProof(error="too large for one ONNX file, so it isn't typed"), None
    if not _has_network(path):
        return HalfProof(error="no network in it, stays FP32"), None
    try:
        typed = work.typed(path, "fp16", "tensorrt")
    except TrtAnimeError as error:
        return HalfProof(error=str(error)), None
    record = typed.record
    kept = tuple(row.node for row in record.kept)
    worst = worst_metric(record.parity)
    if worst is None:
        return HalfProof(passed=record.parity.passed, kept=kept), typed
    proof = HalfProof(worst.name, worst.value, worst.limit, worst.unit, record.parity.passed, kept)
    return (proof if proof.passed else replace(proof, unrest=_unrest(path, worst.name, work))), typed


def _has_network(path: Path) -> bool:
    nodes = onnx.load(path, load_external_data=False).graph.node
    return any(node.name.startswith(NETWORK) for node in nodes)


def _unrest(path: Path, metric: str, work: Work) -> float | None:
    run, inputs = run_with_onnxruntime(path), work.example(path)
    found = {name: array.copy() for name, array in run(inputs).items()}
    parity = compare(
        lambda _: found,
        lambda _: run(nearly(inputs)),
        [inputs],
        stage=stage_graph_from_file(path).info.stage,
        precision="fp16",
        reference_name="fp32 graph",
        candidate_name="the same on other inputs",
    ).parity
    return next((row.value for row in parity.metrics if row.name == metric), None)


def nearly(inputs: Inputs) -> dict[str, Array]:
    """What FP16 has of these inputs; of pictures, one level more or less in one value of ten."""
    random = np.random.default_rng(0)
    near = dict(inputs)
    for name, array in inputs.items():
        if array.dtype == np.float32:
            near[name] = array.astype(np.float16).astype(np.float32)
        elif array.dtype == np.uint8 and array.shape[-1] == 3:
            near[name] = array ^ (random.random(array.shape) < 0.1).astype(np.uint8)
    return near


def _latency_s(path: Path, work: Work) -> float:
    """Median, FP32, all cores, as the product's session runs it; the first run warms up.

    Of the largest graphs the weights stay in their file, as there isn't the memory for them in FP32.
    """
    inputs = work.example(path)
    is_large = _size_bytes(path, onnx.load(path, load_external_data=False)) > _TYPED_BYTES
    run = run_with_onnxruntime(path) if is_large else _as_on_the_cpu(path)
    times = []
    for _ in range(LATENCY_RUNS + 1):
        start = time.monotonic()
        run(inputs)
        times.append(time.monotonic() - start)
    return statistics.median(times[1:])


def _as_on_the_cpu(path: Path) -> Callable[[Inputs], object]:
    session = prepared(path, threads=os.cpu_count() or 1).session()
    return lambda inputs: session.run(None, dict(inputs))


def _engines(model: str, path: Path, precision: Precision) -> Iterator[EngineProof]:
    profile = profile_for(path, PROFILE)
    orders = [Order(model, path, target, precision, profile) for target in targets_from_names("all")]
    outcomes = engines_from_orders(
        orders,
        workers=workers_for(orders)[0],
        force=True,
        on_progress=lambda order, share: None,
        on_done=_told,
    )
    for outcome in outcomes:
        target = outcome.order.target.name
        if outcome.built is None:
            yield EngineProof(target, precision, error=str(outcome.error))
        else:
            manifest = outcome.built.entry.manifest
            yield EngineProof(target, precision, manifest.build_s, manifest.size_bytes)


def _told(outcome: Outcome) -> None:
    """An engine goes once it was built: BLIP-2's for all targets would be 76 GB."""
    print(outcome.order.title, outcome.error or "", flush=True)
    if outcome.built is not None:
        shutil.rmtree(outcome.built.entry.folder)


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
