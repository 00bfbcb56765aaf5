"""What is measured beside the runs, one thing at a time: each stage's layers, the machine's ceilings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import TrtAnimeError
from trt_anime.runtime.equipment import Equipment, GraphOf, Notify, equipped
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.pipeline.chain import FRAME, Node
from trt_anime.runtime.profiling.ceilings import Ceiling, ceilings
from trt_anime.runtime.profiling.layers import Layer, timer_for


@dataclass
class Alone:
    """Layers by stage with a title, and ceilings for one thread and for `threads` of one run."""

    threads: int
    layers: dict[str, tuple[str, list[Layer]]] = field(default_factory=dict)
    ceilings: list[Ceiling] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def measured_alone(options: ProcessOptions, *, graph: GraphOf, notify: Notify) -> Alone:
    """Open clip and stages once more, and measure. A stage whose layers can't be timed is a notice."""
    with equipped(options, graph=graph, notify=lambda sentence: None) as equipment:
        picture = next(iter(equipment.source)).rgb
        nodes = equipment.plan.chain.nodes
        threads = max((node.session.threads_per_run for node in nodes), default=0) or options.cores
        found = Alone(threads)
        for node in nodes:
            _time_layers(found, node, equipment, picture)
    for sentence in found.notices:
        notify(sentence)
    opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    found.ceilings = ceilings(options.cores, opaque)
    return found


def _time_layers(found: Alone, node: Node, equipment: Equipment, picture: Pixels) -> None:
    timer = timer_for(node, equipment.device, threads=found.threads)
    if timer is None:
        return
    try:
        found.layers[node.number] = timer.title, timer.layers(_inputs(node, equipment, picture))
    except TrtAnimeError as error:
        found.notices.append(f"stage {node.number}: its layers could not be timed ({error})")


def _inputs(node: Node, equipment: Equipment, picture: Pixels) -> Mapping[str, NDArray[Any]]:
    """The clip's first frame; nothing but zeros where a stage reads from another one."""
    chain = equipment.plan.chain
    return {
        name: np.broadcast_to(picture, shape).copy()
        if node.stage.inputs[name] == FRAME
        else np.zeros(shape, chain.values[node.stage.inputs[name]].dtype)
        for name, shape in chain.inputs(node).items()
    }
