"""What a run holds open: the clip, the device, a session for each stage, and the memory plan over them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from trt_anime.errors import InputError, MissingError
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.devices.opening import candidates, open_device
from trt_anime.runtime.media.frames import ClipInfo, FrameSource
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.media.writers import keeps_deep
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.pipeline.chain import Chain, Node, chain_of
from trt_anime.runtime.pipeline.plan import SLOTS_BESIDE_LANES, Plan, plan_memory
from trt_anime.runtime.sessions.api import GpuDevice, Session
from trt_anime.runtime.sessions.opening import open_session, runs_on
from trt_anime.runtime.stages import STAGES, Stage

Notify = Callable[[str], None]
GraphOf = Callable[[Stage], Path]


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
def equipped(options: ProcessOptions, *, graph: GraphOf, notify: Notify) -> Iterator[Equipment]:
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
            open_source(
                options.input, threads=options.cores, rate=options.rate, deep=keeps_deep(options.format)
            )
        )
        device, nodes = _device_and_sessions(stack, options, source.info, graph, notify)
        if device.name.startswith("cuda") and source.info.kind == "video":
            source = _on_the_gpu(stack, source, device, options, notify)
        plan = _planned(device, nodes, options.batch_size, source.info)
        for sentence in (*plan.given_up, f"plan: {plan.lines()[-1]}"):
            notify(sentence)
        yield Equipment(source, device, plan)


def _on_the_gpu(
    stack: ExitStack, source: FrameSource, device: Device, options: ProcessOptions, notify: Notify
) -> FrameSource:
    """The same clip decoded by the GPU's video engine, where that gives the same pictures."""
    from trt_anime.runtime.media.nvdec import NvdecVideo

    try:
        faster = NvdecVideo(
            options.input, ordinal=cast(GpuDevice, device).ordinal, deep=keeps_deep(options.format)
        )
    except MissingError as error:
        notify(f"{options.input.name} is decoded on the CPU: {error}")
        return source
    source.close()
    return stack.enter_context(faster)


def _device_and_sessions(
    stack: ExitStack, options: ProcessOptions, clip: ClipInfo, graph: GraphOf, notify: Notify
) -> tuple[Device, list[Node]]:
    names = candidates(options.device)
    *better, last = [name for name in names if runs_on(options.provider, name)] or names[-1:]
    for name in better:
        try:
            return _opened(stack, name, options, clip, graph, notify)
        except MissingError as error:
            notify(f"device auto: not {name}, but {last}: {error}")
    return _opened(stack, last, options, clip, graph, notify)


def _opened(
    stack: ExitStack, name: str, options: ProcessOptions, clip: ClipInfo, graph: GraphOf, notify: Notify
) -> tuple[Device, list[Node]]:
    nodes: list[Node] = []
    notices: list[str] = []
    with ExitStack() as attempt:
        device = attempt.enter_context(open_device(name, latencies=options.latencies))
        for stage in stages_of(options.stages):
            session, words = open_session(
                stage,
                device,
                graph=partial(graph, stage),
                provider=options.provider,
                threads=options.cores,
                size=(clip.height, clip.width),
                batch=options.batch_size,
                precision=options.precision,
                allow_cpu_nodes=options.allow_cpu_nodes,
            )
            nodes.append(Node(stage, attempt.enter_context(session)))
            _check_precision(options, stage, session)
            notices += words
        stack.push(attempt.pop_all())
    if options.device == "auto":
        providers = ", ".join(dict.fromkeys(node.session.origin.provider for node in nodes))
        notify(f"device auto: runs on {device.name} ({device.title}, {providers})")
    for sentence in notices:
        notify(sentence)
    return device, nodes


def _check_precision(options: ProcessOptions, stage: Stage, session: Session) -> None:
    found = session.origin.precision
    if options.precision not in (None, found):
        cure = "leave --precision out, or build an engine and use --device cuda:0"
        if session.origin.provider.startswith("TensorRT"):  # its engine was built for that, and is this
            cure = f"this GPU type computes it so and gains nothing by it; use --precision {found}"
        raise InputError(
            f"--precision {options.precision}: stage {stage.number} runs in {found} on "
            f"{session.origin.provider}; {cure}"
        )


def _planned(device: Device, nodes: list[Node], batch: int, clip: ClipInfo) -> Plan:
    def chain_at(size: int) -> Chain:
        return chain_of(nodes, batch=size, height=clip.height, width=clip.width)

    lanes = max(node.session.parallel for node in nodes)
    return plan_memory(
        chain_at,
        batch=batch,
        depth=lanes + SLOTS_BESIDE_LANES,
        lanes=lanes,
        free_bytes=device.memory().free,
        shared=device.name == "cpu",
    )
