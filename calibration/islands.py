"""What stays in higher precision, model by model: found by measuring, kept as data.

`calibrate` starts from these rows and measures on the user's own frames whether they are enough; what has
to be added goes into the record of that calibration. A row whose nodes a graph doesn't have (another
file of the same model) is passed over: then the nodes are found anew.

How they were found: `sensitivity.worst_layers` on frames of the sample clip, one node's rounding at a
time; the errors are of the network's map, sum of differences over sum of values.
"""

from collections.abc import Collection
from dataclasses import dataclass

import onnx

from trt_anime.calibration.operators import MOVES


@dataclass(frozen=True)
class Island:
    """Nodes that belong together, and why they suffer.

    Attributes:
        precision: what they stay out of: ``fp16`` (then they are FP32), or ``int8`` and ``fp8`` alike
            (then they are what the rest of the network is).
    """

    precision: str
    nodes: tuple[str, ...]
    reason: str


ISLANDS: dict[str, tuple[Island, ...]] = {
    "u2netp": (
        Island(
            "fp16",
            ("net/Conv_765", "net/Relu_766", "net/Resize_785", "net/Conv_787"),
            "decoder stage 2: folding batch norms left weights from 5e-5 to 5.6 and biases up to 1361 in"
            " Conv_787, which cancel against its input of up to 228; alone they cost 0.6, 0.2 and 0.3 %",
        ),
        Island(
            "int8",
            ("net/Conv_787",),
            "the same biases: a step of its weights times its input is whole units of the result (42 %);"
            " what reads it loses 0.3 % at most, and costs a sixth of the speed when it is kept, too",
        ),
    ),
    "modnet": (
        Island(
            "int8",
            tuple(f"net/Conv_{number}" for number in (0, 4, 8, 9, 13, 17, 22, 26)),
            "MobileNetV2's first blocks: folded batch norms left depthwise channels from 5e-5 to 119 side"
            " by side, so that activations have one loud channel and many quiet ones; alone up to 7.6 %."
            " The loss of the others is even, some 0.5 % each: which of them to keep is measured each time",
        ),
    ),
}


def known_islands(model: str, precision: str, nodes: frozenset[str]) -> dict[str, str]:
    """Node -> reason, of the rows that this model's graph has the nodes of."""
    family = "int8" if precision == "fp8" else precision
    return {
        node: island.reason
        for island in ISLANDS.get(model, ())
        if island.precision == family and nodes.issuperset(island.nodes)
        for node in island.nodes
    }


def between(network: onnx.ModelProto, nodes: Collection[str]) -> list[str]:
    """Nodes that only move values from one of `nodes` to another; what those hand on passes through."""
    computed: set[str] = set()  # values that hold what one of `nodes` gave
    wanted: set[str] = set()  # values that one of `nodes` reads
    for node in network.graph.node:
        if node.name in nodes or (node.op_type in MOVES and not computed.isdisjoint(node.input)):
            computed.update(node.output)
    found = []
    for node in reversed(network.graph.node):
        moves = node.name not in nodes and node.op_type in MOVES and not wanted.isdisjoint(node.output)
        if moves and not computed.isdisjoint(node.input):
            found.append(node.name)
        if moves or node.name in nodes:
            wanted.update(node.input)
    return found[::-1]
