"""The numbers of the matte refinement, shared by the ONNX graph and its PyTorch twin."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RefineOptions:
    """How the network's map becomes alpha. Lengths are in pixels of the guide, 1/4 of the frame's.

    Attributes:
        radius: half window of the guided filter (window = 2 radius + 1).
        epsilon: its regularisation, in squared units of [0, 1] colour.
        low, high: filtered values that become alpha 0 and 1.
        edge_low, edge_high: rise of the map over some ten pixels, below which the map is left as it is (the
            network merely doubts there), and above which it is refined fully.
        colour_radius: half window in which foreground and background colours are averaged.
        capacity: share of the tiles that are refined at full resolution; the others, if any is left
            with an edge in it, keep the guide's alpha.
    """

    radius: int = 6
    epsilon: float = 1e-4
    low: float = 0.1
    high: float = 0.9
    edge_low: float = 0.5
    edge_high: float = 0.9
    colour_radius: int = 6
    capacity: float = 0.3


# TensorRT's TopK takes no more.
MOST_TILES = 3840
