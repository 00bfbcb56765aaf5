"""What a chain takes of a GPU's memory."""

from collections.abc import Sequence

from trt_anime.runtime.pipeline.plan import SLOTS_BESIDE_LANES
from trt_anime.runtime.planning.costs import Cost, at_pixels
from trt_anime.runtime.planning.loads import Load
from trt_anime.runtime.sessions.cpu_runs import frame_bytes

# Bytes of a number, as a share of FP32's. Pictures go through graphs in FP32 around the network.
WIDTH: dict[str, float] = {"fp32": 1.0, "fp16": 0.5, "int8": 0.25}
# Of the driver, its context and the libraries.
CONTEXT_BYTES = 6e8
# What a frame takes on its way to the network and back, a pixel: 57 were counted at 2160 rows for u2netp
# and modnet, 32 for mobile-sam's image. It shares memory with the network, and is more from some size on.
_WAY_BYTES = 57
# A pixel's, of what goes in and out: of a slot of the pipeline RGB and RGBA, of other graphs more layers.
_SLOT_BYTES = 3 + 4
_GIVEN_BYTES = 3 + 3 * 4
PIPELINE = "matte"  # the graph that runs by a memory plan


def line_bytes(
    load: Load, costs: Sequence[Cost], *, pixels: float, precision: str, at_once: int = 1
) -> float:
    """Weights, and what a run takes.

    Args:
        costs: of its graph, lowest frame first.
        pixels: of a frame.
        at_once: runs side by side; one on a GPU.
    """
    peaks = [cost.peak_bytes for cost in costs]
    run = max(at_pixels(costs, peaks, pixels), *peaks)
    if any(cost.height for cost in costs):
        run = max(run, _WAY_BYTES * pixels)
    given = _GIVEN_BYTES * pixels
    if load.graph == PIPELINE:
        run = max(run, frame_bytes(costs[-1].network, int(pixels)))
        given = (at_once + SLOTS_BESIDE_LANES) * _SLOT_BYTES * pixels
    return costs[-1].weights_bytes * WIDTH[precision] + at_once * run + given


def whole_bytes(lines: Sequence[float]) -> float:
    """Of all graphs, as if no two shared any."""
    return CONTEXT_BYTES + sum(lines)
