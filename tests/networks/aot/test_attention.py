"""Windows by padding and reshaping, against windows by counting."""

import pytest
import torch
from torch import Tensor

from trt_anime.export.networks.aot.attention import (
    HIDDEN,
    REACH,
    WINDOW,
    attend,
    collect,
    spread,
    window_weights,
)

SIZES = [(1, 1), (2, 5), (9, 4), (11, 17)]  # below, around and above the reach


def place(query: int, key: int, size: tuple[int, int]) -> int | None:
    """Where `key` lies in the window around `query`."""
    row = key // size[1] - query // size[1] + REACH
    column = key % size[1] - query % size[1] + REACH
    inside = 0 <= row < WINDOW and 0 <= column < WINDOW
    return row * WINDOW + column if inside else None


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_spread_puts_each_value_in_its_place(size: tuple[int, int]) -> None:
    tokens = size[0] * size[1]
    relative = torch.rand(2, WINDOW * WINDOW, tokens)
    expected = torch.full((2, tokens, tokens), HIDDEN)
    for query in range(tokens):
        for key in range(tokens):
            if (index := place(query, key, size)) is not None:
                expected[:, query, key] = relative[:, index, query]
    assert torch.equal(spread(relative, size), expected)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_collect_takes_each_value_back(size: tuple[int, int]) -> None:
    tokens = size[0] * size[1]
    dense = torch.rand(2, tokens, tokens)
    expected = torch.zeros(2, tokens, WINDOW * WINDOW)
    for query in range(tokens):
        for key in range(tokens):
            if (index := place(query, key, size)) is not None:
                expected[:, query, index] = dense[:, query, key]
    assert torch.equal(collect(dense, size), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_out_of_reach_is_exactly_nothing(dtype: torch.dtype) -> None:
    size = (3, 12)
    query, key = (100 * torch.rand(1, 36, 4, dtype=dtype) for _ in range(2))
    weights = window_weights(query, key, torch.zeros(1, WINDOW * WINDOW, 36, dtype=dtype), size)
    hidden = [(q, k) for q in range(36) for k in range(36) if place(q, k, size) is None]
    assert hidden
    assert all(weights[0, q, k] == 0 for q, k in hidden)
    assert torch.allclose(weights.sum(-1).double(), torch.ones(1, 36).double(), atol=2e-3)


def test_what_is_not_valid_is_not_seen() -> None:
    def seen(valid: Tensor | None, *frames: int) -> Tensor:
        return attend(query, keys[list(frames)], values[list(frames)], 2, valid=valid)

    query, keys, values = torch.rand(5, 8), torch.rand(3, 5, 8), torch.rand(3, 5, 6)
    keys[1] = 1000
    assert torch.allclose(seen(torch.tensor([1.0, 0, 1]), 0, 1, 2), seen(None, 0, 2), atol=1e-6)
