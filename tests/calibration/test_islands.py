"""What is kept in higher precision."""

import pytest

from tests.calibration.small import network, node, pictures
from trt_anime.calibration.islands import ISLANDS, between, known_islands


def test_rows_apply_to_graphs_that_have_their_nodes() -> None:
    (first, *_) = ISLANDS["u2netp"]
    nodes = frozenset(node for island in ISLANDS["u2netp"] for node in island.nodes)
    assert known_islands("u2netp", "fp16", nodes) == dict.fromkeys(first.nodes, first.reason)
    assert known_islands("u2netp", "fp8", nodes) == known_islands("u2netp", "int8", nodes) != {}
    assert known_islands("u2netp", "fp16", nodes - {first.nodes[0]}) == {}
    assert known_islands("another", "fp16", nodes) == {}


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        (["deep", "residual"], ["deep_relu"]),
        (["stem", "deep"], ["stem_relu", "pool"]),
        (["stem", "join"], ["stem_relu", "both"]),  # by the short way; the long one computes
        (["larger", "join"], ["both"]),
        (["stem"], []),
        (["join", "stem"], ["stem_relu", "both"]),
        (["deep", "thin"], []),  # the sum between them computes
        ([], []),
    ],
)
def test_what_stands_between(kept: list[str], found: list[str]) -> None:
    assert between(pictures(), {f"net/{name}" for name in kept}) == [f"net/{name}" for name in found]


def test_two_ways_that_meet() -> None:
    """A node that moves one kept value, but to nobody who is kept, stays out."""
    model = network(
        node("Exp", "x", "big"),
        node("Relu", "big", "one"),
        node("Relu", "big", "other"),
        node("Log", "one", "log"),
        node("Neg", "other", "neg"),
        node("Add", "log neg", "y"),
        weights={},
        x=[1, 4],
        y=[1, 4],
    )
    assert between(model, {"net/big", "net/log"}) == ["net/one"]
