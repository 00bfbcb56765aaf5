"""The comparison with PyTorch is worth something: it finds each planted mistake."""

from collections.abc import Callable
from functools import cache

import pytest

from tests.inpaint.pieces import RULES, Frames, expected, pictures, run, session_for
from tests.planting import plant
from trt_anime.export import geometry
from trt_anime.export.check import difference_of
from trt_anime.export.inpaint import compose, finish, prepare

_CROP = "op.slice(op.round(mixed), integers(0, 0), size, integers(2, 3))"
_LOW_CROP = "op.slice(op.round(mixed), op.sub(integers(0, 0), size), integers(9999, 9999), integers(2, 3))"

# name -> (rule, function, what it says, what it says by mistake)
MISTAKES: dict[str, tuple[str, Callable[..., object], str, str]] = {
    "threshold off by one": ("stretch", prepare._mark, "options.threshold - 1", "options.threshold"),
    "grown along one axis": ("stretch", prepare._dilated, "return peak", "return row"),
    "zeros around the mean": (
        "stretch",
        prepare._mean,
        "pads=(0, radius, 0",
        "count_include_pad=1, pads=(0, radius, 0",
    ),
    "the network sees the rim": ("stretch", prepare.prepare_graph, "op.reshape(wide,", "op.reshape(mark,"),
    "half a pixel may be hole": ("long side", prepare.prepare_graph, "scalar(LEAST_SHARE)", "scalar(0.5)"),
    "the hole is seen": ("long side", prepare._network_input, "op.mul(scaled, seen)", "scaled"),
    "mask upside down": (
        "stretch",
        prepare._network_input,
        "op.sub(seen, scalar(0.5))",
        "op.sub(unseen, scalar(0.5))",
    ),
    "mask on the other side": (
        "long side",
        prepare._network_input,
        "[visible, unseen]",
        "[unseen, visible]",
    ),
    "mean left out": ("skewed", prepare._network_input, "scalar(rule.mean)", "scalar(0.0)"),
    "sides swapped": (
        "long side",
        geometry.network_size,
        "_nearest(height, longest, rule), _nearest(width, longest, rule)",
        "_nearest(width, longest, rule), _nearest(height, longest, rule)",
    ),
    "rounded down": ("skewed", geometry._nearest, "op.add(doubled, divisor)", "doubled"),
    "enlarged": (
        "long side",
        geometry._nearest,
        "op.min([longest, integers(rule.side)])",
        "integers(rule.side * 2)",
    ),
    "scale left out": ("skewed", finish.finish_graph, "255 * rule.std", "255"),
    "offset left out": ("skewed", finish.finish_graph, "255 * rule.mean", "0"),
    "not clipped": ("stretch", finish.finish_graph, "scalar(0), scalar(255)", "scalar(-999), scalar(999)"),
    "weight squared": (
        "stretch",
        finish.finish_graph,
        "op.mul(weight, op.sub",
        "op.mul(op.mul(weight, weight), op.sub",
    ),
    "cropped at the wrong corner": ("stretch", finish.finish_graph, _CROP, _LOW_CROP),
    "not rounded": ("stretch", finish.finish_graph, "op.round(mixed)", "op.sub(mixed, scalar(2))"),
}


@cache
def example() -> tuple[Frames, Frames]:
    frames, holes = pictures(2, 243, 357)
    holes[1, 100:, :12] = 255  # a hole that the frame cuts off
    return frames, holes


@cache
def wanted(rule: str) -> Frames:
    return expected(RULES[rule], *example())


def passed(rule: str) -> bool:
    return difference_of(run(session_for(rule), *example()), wanted(rule)).passed


@pytest.mark.parametrize("rule", RULES)
def test_without_a_mistake(rule: str) -> None:
    assert passed(rule)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, function, right, wrong = MISTAKES[name]
    plant(monkeypatch, function, right, wrong, (compose, finish, geometry, prepare))
    assert not passed(rule)
