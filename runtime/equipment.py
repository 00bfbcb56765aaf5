"""What a run holds open: the clip, the device, a session for each stage, and the memory plan over them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import cast

from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.devices.opening import candidates, open_device
from trt_anime.runtime.media.frames import ClipInfo, FrameSource
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.pipeline.chain import Chain, Node, chain_of
from trt_anime.runtime.pipeline.plan import Plan, plan_memory
from trt_anime.runtime.sessions.api import GpuDevice, Session
from trt_anime.runtime.sessions.opening import open_session, runs_on
from trt_anime.runtime.stages import STAGES, Stage

Notify = Callable[[str], None]
GraphOf = Callable[[Stage], Path]

# More would only take memory: one slot is filled and one is written while each lane computes one.
_SLOTS_BESIDE_LANES = 2


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What to open.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda:N`` or ``null``.
        provider: one of `sessions.opening.PROVIDERS`.
        precision: that stages must run in; None takes the fastest there is.
        allow_cpu_nodes: whether ONNX Runtime may run on the CPU what CUDA can't.
        threads: CPU cores for decoding and, on the CPU, inference.
        deep: keep more than 8 bits of the source.
        rate: frames per second of a folder of images.
        latencies: profile that the null device replays.
    """

    input: Path
    device: str
    provider: str
    precision: str | None
    allow_cpu_nodes: bool
    stages: tuple[str, ...]
    batch_size: int
    threads: int
    deep: bool
    rate: Fraction
    latencies: Path | None


@dataclass(frozen=True)
class Equipment:
    """All open, until the block that made it ends."""

    source: FrameSource
    device: Device
    plan: Plan


def stages_of(numbers: Sequence[str]) -> list[Stage]:
    """Raises InputError: no such stage."""
    if unknown := [number for number in numbers if number not in STAGES]:
        raise InputError(f"--stages {unknown[0]}: no such stage in this release; use {', '.join(STAGES)}")
    return [STAGES[number] for number in dict.fromkeys(numbers)]


@contextmanager
def equipped(wishes: Wishes, *, graph: GraphOf, notify: Notify) -> Iterator[Equipment]:
    """Open everything, close it again.

    Args:
        graph: gives a stage's graph; called once the clip is found good, since it may have to download and
            export.

    Raises:
        InputError: the clip or a graph can't be used.
        MissingError: the device, a graph, a library or memory is missing.
        EngineError: a library refuses a graph.
    """
    with ExitStack() as stack:
        source = stack.enter_context(
            open_source(wishes.input, threads=wishes.threads, rate=wishes.rate, deep=wishes.deep)
        )
        device, nodes = _device_and_sessions(stack, wishes, source.info, graph, notify)
        if device.name.startswith("cuda") and source.info.kind == "video":
            source = _on_the_gpu(stack, source, device, wishes, notify)
        plan = _planned(device, nodes, wishes.batch_size, source.info)
        for sentence in (*plan.given_up, f"plan: {plan.lines()[-1]}"):
            notify(sentence)
        yield Equipment(source, device, plan)


def _on_the_gpu(
    stack: ExitStack, source: FrameSource, device: Device, wishes: Wishes, notify: Notify
) -> FrameSource:
    """The same clip decoded by the GPU's video engine, where that gives the same pictures."""
    from trt_anime.runtime.media.nvdec import NvdecVideo

    try:
        faster = NvdecVideo(wishes.input, ordinal=cast(GpuDevice, device).ordinal, deep=wishes.deep)
    except MissingError as error:
        notify(f"{wishes.input.name} is decoded on the CPU: {error}")
        return source
    source.close()
    return stack.enter_context(faster)


def _device_and_sessions(
    stack: ExitStack, wishes: Wishes, clip: ClipInfo, graph: GraphOf, notify: Notify
) -> tuple[Device, list[Node]]:
    names = candidates(wishes.device)
    *better, last = [name for name in names if runs_on(wishes.provider, name)] or names[-1:]
    for name in better:
        try:
            return _opened(stack, name, wishes, clip, graph, notify)
        except MissingError as error:
            notify(f"device auto: not {name}, but {last}: {error}")
    return _opened(stack, last, wishes, clip, graph, notify)


def _opened(
    stack: ExitStack, name: str, wishes: Wishes, clip: ClipInfo, graph: GraphOf, notify: Notify
) -> tuple[Device, list[Node]]:
    nodes: list[Node] = []
    notices: list[str] = []
    with ExitStack() as attempt:
        device = attempt.enter_context(open_device(name, latencies=wishes.latencies))
        for stage in stages_of(wishes.stages):
            session, words = open_session(
                stage,
                device,
                graph=partial(graph, stage),
                provider=wishes.provider,
                threads=wishes.threads,
                size=(clip.height, clip.width),
                batch=wishes.batch_size,
                precision=wishes.precision,
                allow_cpu_nodes=wishes.allow_cpu_nodes,
            )
            _check_precision(wishes, stage, session)
            nodes.append(Node(stage, attempt.enter_context(session)))
            notices += words
        stack.push(attempt.pop_all())
    if wishes.device == "auto":
        providers = ", ".join(dict.fromkeys(node.session.origin.provider for node in nodes))
        notify(f"device auto: runs on {device.name} ({device.title}, {providers})")
    for sentence in notices:
        notify(sentence)
    return device, nodes


def _check_precision(wishes: Wishes, stage: Stage, session: Session) -> None:
    found = session.origin.precision
    if wishes.precision not in (None, found):
        raise InputError(
            f"--precision {wishes.precision}: stage {stage.number} runs in {found} on "
            f"{session.origin.provider}; leave --precision out, or build an engine and use --device cuda:0"
        )


def _planned(device: Device, nodes: list[Node], batch: int, clip: ClipInfo) -> Plan:
    def chain_at(size: int) -> Chain:
        return chain_of(nodes, batch=size, height=clip.height, width=clip.width)

    lanes = max(node.session.parallel for node in nodes)
    return plan_memory(
        chain_at,
        batch=batch,
        depth=lanes + _SLOTS_BESIDE_LANES,
        lanes=lanes,
        free_bytes=device.memory().free,
        shared=device.name == "cpu",
    )
