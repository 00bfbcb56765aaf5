"""What is measured beside the runs, one thing at a time: each stage's layers, the machine's ceilings."""

from dataclasses import dataclass, field
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
from trt_anime.runtime.sessions.api import GpuDevice
from trt_anime.runtime.sessions.running import Arrays, Running


@dataclass
class Alone:
    """What was found.

    Attributes:
        threads: of one run.
        layers: by stage, with a title.
        ceilings: for one thread and for all, and of the GPU.
        wholes: stages on a GPU.
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
            seconds = _whole_s(found, node, equipment, inputs)  # layers are timed without a CUDA graph
            _time_layers(found, node, equipment, inputs)
            if seconds is not None:
                _count(found, node, graph, inputs, seconds)
        _measure_gpu(found, equipment.device)
    for sentence in found.notices:
        notify(sentence)
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    found.ceilings += ceilings(options.cores, opaque)
    return found


def is_gpu(device: Device) -> bool:
    return device.name.startswith("cuda")


def _time_layers(found: Alone, node: Node, equipment: Equipment, inputs: Arrays) -> None:
    timer = timer_for(node, equipment.device, threads=found.threads)
    if timer is None:
        return
    try:
        found.layers[node.number] = timer.title, timer.layers(inputs)
    except TrtAnimeError as error:
        found.notices.append(f"stage {node.number}: its layers could not be timed ({error})")


def _whole_s(found: Alone, node: Node, equipment: Equipment, inputs: Arrays) -> float | None:
    """Seconds of a run on a GPU, as the pipeline runs it; None on other devices."""
    if not is_gpu(equipment.device):
        return None
    shapes = {name: array.shape for name, array in inputs.items()}
    try:
        with Running(node.session, equipment.device, shapes) as running:
            running(inputs)
            return running.seconds()
    except TrtAnimeError as error:
        found.notices.append(f"stage {node.number}: could not be timed by itself ({error})")
        return None


def _count(found: Alone, node: Node, graph: GraphOf, inputs: Arrays, seconds: float) -> None:
    """Operations of the stage's graph, beside its time."""
    number, info = node.number, node.session.info
    _, layers = found.layers.get(number, ("", []))
    sizes = [layer.bytes for layer in layers if layer.bytes is not None]
    try:
        cost = counted(graph(node.stage), inputs, model=info.model, graph=info.stage)
    except TrtAnimeError as error:
        found.notices.append(f"stage {number}: its operations could not be counted ({error})")
        return
    is_told = node.session.origin.provider.startswith("TensorRT") and sizes
    size_bytes = float(sum(sizes)) if is_told else cost.size_bytes
    found.wholes.append(
        Whole(number, seconds * 1000, cost.flops, size_bytes, node.session.origin.precision)
    )


def _measure_gpu(found: Alone, device: Device) -> None:
    if not is_gpu(device):
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
