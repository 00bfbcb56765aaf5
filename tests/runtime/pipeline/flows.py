"""Runs a flow over fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.runtime.pipeline.fakes import HEIGHT, WIDTH, EveryFrame, MemorySink, frames
from trt_anime.runtime.devices.api import CpuDevice
from trt_anime.runtime.media.frames import Frame
from trt_anime.runtime.media.sinks import Sink
from trt_anime.runtime.pipeline.batches import Tally
from trt_anime.runtime.pipeline.chain import Node, chain_of
from trt_anime.runtime.pipeline.flow import Flow
from trt_anime.runtime.pipeline.plan import Plan, plan_memory
from trt_anime.runtime.segments import Finished


@dataclass
class Ran:
    """What a flow did, also when it failed."""

    tally: Tally = field(default_factory=Tally)
    segments: list[Finished] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    advanced: list[int] = field(default_factory=list)


def plan_of(nodes: Sequence[Node], *, batch: int = 1, depth: int = 3, lanes: int = 1) -> Plan:
    return plan_memory(
        lambda size: chain_of(nodes, batch=size, height=HEIGHT, width=WIDTH),
        batch=batch,
        depth=depth,
        lanes=lanes,
        free_bytes=1 << 40,
        shared=False,
    )


def flow(
    device: CpuDevice,
    nodes: Sequence[Node],
    sinks: Sequence[MemorySink],
    *,
    count: int = 20,
    source: Iterable[Frame] | None = None,
    hold: int = 1,
    look_ahead: EveryFrame | None = None,
    segment_frames: int = 8,
    kind: Callable[..., Flow] = Flow,
    into: Ran | None = None,
    **plan: Any,
) -> Ran:
    ran = into or Ran()
    wanted: list[Sink] = list(sinks)
    made = kind(
        device,
        plan_of(nodes, **plan),
        look_ahead or EveryFrame(),
        wanted,
        segment_frames=segment_frames,
        encode_threads=2,
        tally=ran.tally,
        finished=ran.segments.append,
        advance=ran.advanced.append,
        notify=ran.notices.append,
    )
    made.run(frames(count, hold=hold) if source is None else source)
    return ran
