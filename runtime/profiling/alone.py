"""What is measured beside the runs, one thing at a time: each stage's layers, the machine's ceilings."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from trt_anime.errors import TrtAnimeError
from trt_anime.runtime.devices.api import Device
from trt_anime.runtime.equipment import Equipment, GraphOf, Notify, equipped
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.pipeline.chain import FRAME, Node
from trt_anime.runtime.planning.counting import counted
from trt_anime.runtime.profiling.ceilings import Ceiling, ceilings
from trt_anime.runtime.profiling.ceilings_gpu import gpu_ceilings, on_gpu
from trt_anime.runtime.profiling.layers import Layer, timer_for
from trt_anime.runtime.profiling.roofline import Whole
from trt_anime.runtime.sessions.api import GpuDevice, Session
from trt_anime.runtime.sessions.running import Arrays, Running


@dataclass
class Alone:
    """What was found.

    Attributes:
        threads: of one run.
        layers: by stage, or by network where a stage has several, with a title.
        ceilings: for one thread and for all, and of the GPU.
        wholes: the same on a GPU.
    """

    threads: int
    layers: dict[str, tuple[str, list[Layer]]] = field(default_factory=dict)
    ceilings: list[Ceiling] = field(default_factory=list)
    wholes: list[Whole] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def measured_alone(options: ProcessOptions, *, graph: GraphOf, notify: Notify) -> Alone:
    """Open clip and stages once more, and measure. A stage whose layers can't be timed is a notice."""
    with equipped(options, graph=graph, notify=lambda sentence: None) as equipment:
        picture = next(iter(equipment.source)).rgb
        nodes = equipment.plan.chain.nodes
        threads = max((node.session.threads_per_run for node in nodes), default=0) or options.cores
        found = Alone(threads)
        for node in nodes:
            inputs = _inputs(node, equipment, picture)
            measure(found, node.number, node.session, equipment.device, inputs, graph(node.stage))
        _measure_gpu(found, equipment.device)
    for sentence in found.notices:
        notify(sentence)
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    found.ceilings += ceilings(options.cores, opaque)
    return found


def measure(found: Alone, name: str, session: Session, device: Device, inputs: Arrays, graph: Path) -> None:
    """One network by itself, into `found`; what can't be measured is a notice.

    Args:
        name: of the stage, or of the network in it.
        graph: of which the session, or its engine, is.
    """
    seconds = _whole_s(found, name, session, device, inputs)  # layers are timed without a CUDA graph
    timer = timer_for(session, device, threads=found.threads)
    if timer is not None:
        try:
            found.layers[name] = timer.title, timer.layers(inputs)
        except TrtAnimeError as error:
            found.notices.append(f"stage {name}: its layers could not be timed ({error})")
    if seconds is not None:
        _count(found, name, session, graph, inputs, seconds)


def _is_gpu(device: Device) -> bool:
    return device.name.startswith("cuda")


def _whole_s(found: Alone, name: str, session: Session, device: Device, inputs: Arrays) -> float | None:
    """Seconds of a run on a GPU, as the pipeline runs it; None on other devices."""
    if not _is_gpu(device):
        return None
    try:
        with Running(session, device, {key: array.shape for key, array in inputs.items()}) as running:
            running(inputs)
            return running.seconds()
    except TrtAnimeError as error:
        found.notices.append(f"stage {name}: could not be timed by itself ({error})")
        return None


def _count(found: Alone, name: str, session: Session, graph: Path, inputs: Arrays, seconds: float) -> None:
    """Operations of a network's graph, beside its time."""
    _, layers = found.layers.get(name, ("", []))
    sizes = [layer.bytes for layer in layers if layer.ms]
    try:
        cost = counted(graph, inputs, model=session.info.model, graph=session.info.stage)
    except TrtAnimeError as error:
        found.notices.append(f"stage {name}: its operations could not be counted ({error})")
        return
    told = [size for size in sizes if size is not None]
    is_told = session.origin.provider.startswith("TensorRT") and told and len(told) == len(sizes)
    size_bytes = float(sum(told)) if is_told else cost.size_bytes
    found.wholes.append(Whole(name, seconds * 1000, cost.flops, size_bytes, session.origin.precision))


def _measure_gpu(found: Alone, device: Device) -> None:
    if not _is_gpu(device):
        return
    try:
        rates, notices = gpu_ceilings(device, on_gpu(cast(GpuDevice, device)))
    except TrtAnimeError as error:
        rates, notices = [], [f"the GPU's ceilings could not be measured ({error})"]
    found.ceilings += rates
    found.notices += notices


def _inputs(node: Node, equipment: Equipment, picture: Pixels) -> Arrays:
    """The clip's first frame; nothing but zeros where a stage reads from another one."""
    chain = equipment.plan.chain
    return {
        name: np.broadcast_to(picture, shape).copy()
        if node.stage.inputs[name] == FRAME
        else np.zeros(shape, chain.values[node.stage.inputs[name]].dtype)
        for name, shape in chain.inputs(node).items()
    }
