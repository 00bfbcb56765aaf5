"""The comparison with PyTorch is worth something: it finds each planted mistake."""

from collections.abc import Callable
from functools import cache

import pytest

from tests.matte.pieces import RULES, Frames, drawings, expected, graph_for, run, session_of
from tests.planting import plant
from trt_anime.export import geometry
from trt_anime.export.matte import compose, finish, prepare, refine
from trt_anime.export.matte.check import difference

_CROP = "op.slice(whole, integers(0, 0), size, integers(1, 2))"
_LOW_CROP = "op.slice(whole, op.sub(integers(0, 0), size), integers(9999, 9999), integers(1, 2))"

# name -> (rule, function, what it says, what it says by mistake)
MISTAKES: dict[str, tuple[str, Callable[..., object], str, str]] = {
    "tiles by column": ("stretch", finish._picture_rows, "op.mod(chosen", "op.div(chosen"),
    "tiles of the first frame": (
        "stretch",
        finish._picture_rows,
        "op.mul(rows, integers(TILE))",
        "integers(0)",
    ),
    "coefficients by column": ("stretch", finish._plane_pixels, "op.mod(chosen", "op.div(chosen"),
    "half a guide pixel off": ("stretch", finish._interpolation, "/ SCALE + 0.5", "/ SCALE + 1.0"),
    "half a pixel off": ("stretch", finish._interpolation, "(np.arange(TILE) + 0.5)", "np.arange(TILE)"),
    "min_max left out": ("stretch", finish._matte, '"min_max"', '"max_min"'),
    "sigmoid left out": ("logits", finish._matte, '"sigmoid"', '"none"'),
    "canvas not cut off": ("letterbox", finish._matte, '"letterbox"', '"none"'),
    "canvas cut at swapped margins": ("letterbox", finish._matte, "[top, left]", "[left, top]"),
    "cropped at the wrong corner": ("stretch", finish.finish_graph, _CROP, _LOW_CROP),
    "offset without centring": ("stretch", refine._linear_model, "op.add(colour, half)", "colour"),
    "unstretched alpha": ("stretch", refine._linear_model, "1 / (options.high - options.low)", "1"),
    "wrong factor": ("stretch", refine._solve, "op.div(xz, xx)", "op.div(xz, zz)"),
    "colours of both sides": ("stretch", refine._local_colours, "op.mul(alpha, alpha)", "alpha"),
    "divided by 255": ("stretch", prepare._normalised, '"image_max"', '"255"'),
    "wrong mean": ("short side", prepare._normalised, "op.const(mean)", "op.const(std)"),
    "sides swapped": (
        "short side",
        geometry.network_size,
        "whole(height), whole(width)",
        "whole(width), whole(height)",
    ),
}


@cache
def frames() -> Frames:
    return drawings(2, 243, 357)


@cache
def wanted(rule: str) -> Frames:
    return expected(RULES[rule], frames())


def passed(rule: str) -> bool:
    return difference(run(session_of(graph_for(RULES[rule])), frames()), wanted(rule)).passed


@pytest.mark.parametrize("rule", RULES)
def test_without_a_mistake(rule: str) -> None:
    assert passed(rule)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, function, right, wrong = MISTAKES[name]
    plant(monkeypatch, function, right, wrong, (compose, finish, geometry, prepare, refine))
    assert not passed(rule)
