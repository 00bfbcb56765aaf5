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
        colour_trust: how far the local foreground colour is trusted against the pixel's own evidence.
        capacity: share of the tiles that are refined at full resolution; the others, if any is left
            with an edge in it, keep the guide's alpha.
    """

    radius: int = 5
    epsilon: float = 2e-5
    low: float = 0.05
    high: float = 0.95
    edge_low: float = 0.9
    edge_high: float = 1.0
    colour_radius: int = 6
    colour_trust: float = 0.05
    capacity: float = 0.3


# TensorRT's TopK takes no more.
MOST_TILES = 3840
# A small frame has few tiles: then all of them are refined.
LEAST_TILES = 64
