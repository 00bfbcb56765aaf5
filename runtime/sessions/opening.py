"""The session for a stage on a device."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.devices.api import CpuDevice, Device
from trt_anime.runtime.sessions.api import GpuDevice, Session
from trt_anime.runtime.sessions.bindings import BoundSession, require_image
from trt_anime.runtime.sessions.cpu_runs import MOST_PARALLEL_RUNS
from trt_anime.runtime.stages import Stage

PROVIDERS = ("auto", "onnxruntime", "openvino", "tensorrt")

# Kind of device -> the providers that run there.
_ON: dict[str, tuple[str, ...]] = {
    "cpu": ("auto", "onnxruntime", "openvino"),
    "cuda": ("auto", "tensorrt", "onnxruntime"),
    "null": ("auto",),
}


def open_session(
    stage: Stage,
    device: Device,
    *,
    graph: Callable[[], Path],
    provider: str = "auto",
    threads: int,
    size: tuple[int, int],
    batch: int,
    precision: str | None = None,
    allow_cpu_nodes: bool = False,
) -> tuple[Session, list[str]]:
    """Load what runs a stage; with it, sentences that the user should see.

    Args:
        graph: gives the stage graph's file; not called where none is needed.
        provider: one of `PROVIDERS`.
        threads: how many CPU cores inference may use in all, on a CPU.
        size: (height, width) of the frames.
        batch: most frames of one run.
        precision: of the engine or, on a CPU, of the graph; None takes the fastest there is.
        allow_cpu_nodes: whether ONNX Runtime may run on the CPU what CUDA can't.

    Raises:
        InputError: no such provider, none for this device, or not a graph of this stage.
        MissingError: a library or the engine isn't here.
        EngineError: the library refuses the graph or the engine.
    """
    if device.name == "null":
        from trt_anime.runtime.devices.null import NullDevice
        from trt_anime.runtime.sessions.replay import ReplaySession

        check_provider(provider, device="null")
        cast(NullDevice, device).require(stage.number)
        return ReplaySession(stage, cast(CpuDevice, device)), []
    session, notices = open_graph(
        stage.graph,
        device,
        graph=graph(),
        name=stage.number,
        provider=provider,
        threads=threads,
        size=size,
        batch=batch,
        precision=precision,
        allow_cpu_nodes=allow_cpu_nodes,
    )
    _check_bindings(session, stage)
    return session, notices


def open_graph(
    kind: str,
    device: Device,
    *,
    graph: Path,
    name: str,
    provider: str = "auto",
    threads: int,
    size: tuple[int, int],
    batch: int = 1,
    precision: str | None = None,
    allow_cpu_nodes: bool = False,
    at_once: int = MOST_PARALLEL_RUNS,
) -> tuple[Session, list[str]]:
    """As `open_session`, for any stage graph on a device that computes.

    Args:
        kind: what the graph has to say that it is, such as ``matte``.
        name: what its work is called on the device and in sentences, such as ``2a``.
        at_once: on a CPU, most runs at once; fewer have more threads each.

    Raises:
        InputError: no such provider, none for this device, or not a graph of this kind.
        MissingError: a library or the engine isn't here.
        EngineError: the library refuses the graph or the engine.
    """
    where = device.name.partition(":")[0]
    check_provider(provider, device=where)
    if where == "cpu":
        session, notices = _on_cpu(
            name, cast(CpuDevice, device), graph, provider, threads, at_once, precision
        )
    else:
        session, notices = _on_gpu(
            name,
            cast(GpuDevice, device),
            graph,
            provider=provider,
            size=size,
            batch=batch,
            precision=precision,
            allow_cpu_nodes=allow_cpu_nodes,
        )
    if isinstance(session, BoundSession):
        session.about_frames(*size)
    if session.info.stage != kind:
        session.close()
        raise InputError(
            f"{session.origin.file}: is a graph of `{session.info.stage}`, but stage {name} runs `{kind}`;"
            " choose another, or run `trt-anime export`"
        )
    return session, notices


def runs_on(provider: str, device: str) -> bool:
    """Whether a provider, if there is such, runs on a device by its name, such as ``cuda:0``."""
    return provider in _ON[device.partition(":")[0]]


def check_provider(provider: str, *, device: str) -> None:
    """Raises InputError: no such provider, or not on this kind of device (``cpu``, ``cuda``, ``null``)."""
    if provider not in PROVIDERS:
        raise InputError(f"--provider {provider}: no such provider; use {', '.join(PROVIDERS)}")
    if provider not in _ON[device]:
        raise InputError(
            f"--provider {provider}: does not run on device {device}; use {', '.join(_ON[device])}"
        )


def _on_cpu(
    name: str,
    device: CpuDevice,
    graph: Path,
    provider: str,
    threads: int,
    at_once: int,
    precision: str | None,
) -> tuple[Session, list[str]]:
    from trt_anime.runtime.sessions.cpu_choice import choice_for

    choice = choice_for(name, graph, provider=provider, precision=precision)
    if choice.provider == "openvino":
        from trt_anime.runtime.sessions.openvino_cpu import OpenVinoSession

        session: Session = OpenVinoSession(
            choice.graph, device, threads=threads, name=name, at_once=at_once
        )
        return session, choice.notices
    from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession

    session = OrtCpuSession(choice.graph, device, threads=threads, name=name, at_once=at_once)
    return session, choice.notices


def _on_gpu(
    name: str,
    device: GpuDevice,
    graph: Path,
    *,
    provider: str,
    size: tuple[int, int],
    batch: int,
    precision: str | None,
    allow_cpu_nodes: bool,
) -> tuple[Session, list[str]]:
    from trt_anime.runtime.sessions.engine_choice import engine_for
    from trt_anime.runtime.sessions.ort_cuda import OrtCudaSession
    from trt_anime.runtime.sessions.tensorrt_engine import TensorRtSession

    notices = []
    if provider != "onnxruntime":
        try:
            entry = engine_for(graph, device.info.capability, size=size, batch=batch, precision=precision)
            engine = TensorRtSession(entry, device, name=name)
            if entry.manifest.forced:
                notices.append(
                    f"stage {name} runs {entry.folder.name}, which was forced into the store"
                    " although its results differ too much from FP32"
                )
            return engine, [*notices, *engine.notices]
        except MissingError as error:
            if provider == "tensorrt":
                raise MissingError(f"--provider tensorrt: {error}") from error
            notices.append(f"stage {name} runs on ONNX Runtime, which is slower: {error}")
    session = OrtCudaSession(graph, device, name=name, allow_cpu_nodes=allow_cpu_nodes)
    return session, notices


def _check_bindings(session: Session, stage: Stage) -> None:
    """What comes in and goes out is what the stage's row says. Raises InputError, session closed."""
    source = str(session.origin.file)
    try:
        surplus = {binding.name for binding in session.inputs} ^ stage.inputs.keys()
        if surplus:
            raise InputError(
                f"{source}: stage {stage.number} takes {', '.join(stage.inputs)}, which differs from the"
                f" graph's inputs in {', '.join(sorted(surplus))}; run `trt-anime export`"
            )
        for name, origin in stage.inputs.items():
            if origin == "frame":
                require_image(source, session.inputs, name, channels=3)
        for layer in stage.layers:
            require_image(source, session.outputs, layer.binding, channels=4)
    except InputError:
        session.close()
        raise
