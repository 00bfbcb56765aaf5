"""The stage graph computes what the PyTorch reference computes, for every rule, size and batch."""

from collections.abc import Callable
from functools import cache

import numpy as np
import onnxruntime as ort
import pytest
import torch

from tests.matte.pieces import (
    RULES,
    Frames,
    drawing,
    drawings,
    expected,
    graph_for,
    run,
    session_of,
)
from trt_anime.export.geometry import TILE
from trt_anime.export.matte import reference
from trt_anime.export.matte.check import difference
from trt_anime.export.matte.options import LEAST_TILES, RefineOptions
from trt_anime.export.matte.refine import GUIDE_TILE

SIZES = [(1, 1), (40, 40), (75, 127), (243, 357), (480, 854), (60, 700)]


@cache
def session(rule: str) -> ort.InferenceSession:
    return session_of(graph_for(RULES[rule]))


def cel(height: int, width: int) -> Frames:
    """Two exactly flat colours: there, the filter's equations are all but singular."""
    y, x = np.mgrid[0:height, 0:width]
    inside = np.hypot(y - height / 2, x - width / 2) < min(height, width) / 3
    return np.where(inside[..., None], (240, 200, 190), (30, 60, 90)).astype(np.uint8)


def noise(height: int, width: int) -> Frames:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


PLAIN: dict[str, Callable[[int, int], Frames]] = {
    "black": lambda height, width: np.zeros((height, width, 3), np.uint8),
    "white": lambda height, width: np.full((height, width, 3), 255, np.uint8),
    "constant": lambda height, width: np.full((height, width, 3), (200, 150, 30), np.uint8),
    "half saturated": lambda height, width: np.where(
        np.arange(width)[None, :, None] < width // 2, 255, drawing(height, width)
    ).astype(np.uint8),
    "cel": cel,
    "noise": noise,
}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("rule", RULES)
def test_graph_equals_reference(rule: str, size: tuple[int, int]) -> None:
    frames = drawings(1 if size[0] > 400 else 3, *size)
    rgba = run(session(rule), frames)
    assert rgba.dtype == np.uint8 and rgba.shape == (*frames.shape[:3], 4)
    result = difference(rgba, expected(RULES[rule], frames))
    assert result.passed, result


@pytest.mark.parametrize("kind", PLAIN)
@pytest.mark.parametrize("rule", RULES)
def test_plain_pictures(rule: str, kind: str) -> None:
    """No division by zero and no NaN, which uint8 would hide, but the reference wouldn't share."""
    frames = PLAIN[kind](97, 130)[None]
    result = difference(run(session(rule), frames), expected(RULES[rule], frames))
    assert result.passed, result
    assert result.maximum <= 2, result


@pytest.mark.parametrize("size", [(243, 357), (480, 854)], ids=str)
def test_flat_colours_cost_no_precision(size: tuple[int, int]) -> None:
    frames = cel(*size)[None]
    result = difference(run(session("stretch"), frames), expected(RULES["stretch"], frames))
    assert result.maximum <= 2, result


@pytest.mark.parametrize("rule", RULES)
def test_rows_of_a_batch_are_independent(rule: str) -> None:
    frames = np.stack([drawing(75, 127), np.zeros((75, 127, 3), np.uint8), drawing(75, 127, 5)])
    together = run(session(rule), frames)
    for frame, rgba in zip(frames, together, strict=True):
        alone = run(session(rule), frame[None])[0]
        assert np.abs(alone.astype(int) - rgba).max() <= 1


def test_solid_regions_keep_their_bytes() -> None:
    frames = drawings(2, 243, 357)
    rgba = run(session("stretch"), frames)
    solid = eroded(rgba[..., 3] == 255)
    assert solid.mean() > 0.1
    np.testing.assert_array_equal(rgba[solid][:, :3], frames[solid])


def test_nothing_is_left_where_alpha_is_zero() -> None:
    frames = drawings(2, 243, 357)
    rgba = run(session("stretch"), frames)
    empty = rgba[..., 3] == 0
    assert 0.1 < empty.mean() < 0.9
    assert not rgba[empty].any()


def test_empty_tiles_are_empty_even_unrefined() -> None:
    """More tiles than LEAST_TILES, edges in a few: those left over are empty or solid."""
    frame = np.full((720, 1280, 3), 20, np.uint8)
    frame[200:400, 300:600] = (240, 210, 200)
    rgba = run(session("stretch"), frame[None])[0]
    far = rgba[600:, 800:]
    assert not far.any()
    np.testing.assert_array_equal(rgba[280:320, 400:500], with_alpha(frame[280:320, 400:500]))


def test_more_tiles_than_capacity(monkeypatch: pytest.MonkeyPatch) -> None:
    """The widest tiles are refined, the others keep the guide's alpha and their colour."""
    gain = 0.25  # a smooth map: no tile is as wide as can be, which would make ties
    options = RefineOptions(capacity=0.01, edge_low=0.0, edge_high=0.2)
    rows, columns = 12, 20
    frame = patchwork(rows, columns)
    seen: dict[str, torch.Tensor] = {}
    choose, plain_of = reference._chosen, reference._plain

    def chosen(span: torch.Tensor, options: RefineOptions) -> torch.Tensor:
        scores = reference._tile_peak(span).flatten().sort(descending=True).values
        assert scores[LEAST_TILES - 1] > scores[LEAST_TILES] + 1e-4, "a tie: take another picture"
        seen["chosen"] = choose(span, options)
        return seen["chosen"]

    def plain(picture: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        seen["plain"] = plain_of(picture, alpha)
        return seen["plain"]

    monkeypatch.setattr(reference, "_chosen", chosen)
    monkeypatch.setattr(reference, "_plain", plain)
    rule = RULES["short side"]
    wanted = expected(rule, frame[None], options=options, gain=gain)
    rgba = run(session_of(graph_for(rule, options=options, gain=gain)), frame[None])
    result = difference(rgba, wanted)
    assert result.passed, result
    refined = seen["chosen"][0, 0].numpy().repeat(TILE, 0).repeat(TILE, 1) > 0
    unrefined = seen["plain"][0].permute(1, 2, 0).numpy()
    assert refined.sum() == LEAST_TILES * TILE**2 < frame[..., 0].size / 2
    assert np.abs(rgba[0] - unrefined)[~refined].max() <= 1
    assert np.abs(rgba[0] - unrefined)[refined].max() > 20
    np.testing.assert_array_equal(rgba[0][~refined][:, :3], frame[~refined])


def test_of_tiles_equally_wide_the_reference_takes_the_first() -> None:
    """As the graph does: ONNX says so of TopK. Torch says nothing of its own."""
    span = torch.ones(2, 1, 12 * GUIDE_TILE, 20 * GUIDE_TILE)
    chosen = reference._chosen(span, RefineOptions(capacity=0.01)).flatten(1)
    assert chosen[:, :LEAST_TILES].all() and not chosen[:, LEAST_TILES:].any()


def patchwork(rows: int, columns: int) -> Frames:
    """uint8 [H,W,3]: tiles of random noisy colours."""
    rng = np.random.default_rng(0)
    colours = rng.uniform(0, 255, (rows, columns, 3)).repeat(TILE, 0).repeat(TILE, 1)
    return np.clip(colours + rng.normal(0, 12, colours.shape), 0, 255).astype(np.uint8)


def eroded(mask: np.ndarray) -> np.ndarray:
    """Where the 9x9 neighbourhood is all True; bool [B,H,W]."""
    inverse = torch.from_numpy(~mask).float()[:, None]
    grown = torch.nn.functional.max_pool2d(inverse, 9, 1, 4)[:, 0]
    return np.asarray(grown == 0)


def with_alpha(frame: Frames) -> Frames:
    return np.concatenate([frame, np.full((*frame.shape[:2], 1), 255, np.uint8)], axis=-1)
