"""Attention to remembered frames, and to a window around each token, in operators that engines have.

The window is a dense product of all tokens with a bias that is HIDDEN outside of it: the softmax of what is
hidden is exactly 0, so this equals attention over the window alone. Moving the window's 15 x 15 values to
their place in the dense row (`spread`) and back (`collect`) is padding and reshaping only: a row of the
padded table is one longer than a row of the dense one, so each row starts one further to the right.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

REACH = 7  # tokens that the window extends to each side
WINDOW = 2 * REACH + 1

# Added to what must not be seen. Its exponential is 0 in every type, and FP16 can hold it.
HIDDEN = -1e4


def heads_of(tokens: Tensor, heads: int) -> Tensor:
    """n x C into heads x n x C/heads."""
    return tokens.reshape(tokens.shape[0], heads, -1).transpose(0, 1)


def merged(heads: Tensor) -> Tensor:
    """heads x n x c into n x C."""
    return heads.transpose(0, 1).reshape(heads.shape[1], -1)


def logits_of(query: Tensor, key: Tensor) -> Tensor:
    """Scaled products heads x n x m of heads x n x c and heads x m x c."""
    return query / math.sqrt(query.shape[-1]) @ key.transpose(-2, -1)


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int, *, valid: Tensor | None = None) -> Tensor:
    """Attention of n tokens to all tokens of T frames.

    Args:
        query: n x C.
        key, value: T x m x C and T x m x V, or without the T of a single frame.
        heads: how many parts the channels are in.
        valid: T numbers, 1 for a frame that is there and 0 for one that is not; None: all are. Where none
            is, the result is the mean of what lies there, and no NaN.

    Returns:
        n x V.
    """
    logits = logits_of(heads_of(query, heads), heads_of(key.flatten(0, -2), heads))
    if valid is not None:
        shape = logits.shape
        by_frame = logits.reshape(*shape[:2], valid.shape[0], -1) + ((1 - valid) * HIDDEN)[:, None]
        logits = by_frame.reshape(shape)
    return merged(torch.softmax(logits, dim=-1) @ heads_of(value.flatten(0, -2), heads))


def window_weights(query: Tensor, key: Tensor, relative: Tensor, size: tuple[int, int]) -> Tensor:
    """Weights heads x n x n of the tokens within REACH rows and columns of each token; 0 for all others.

    Args:
        query, key: heads x n x c.
        relative: heads x 225 x n, what is added for each place in the window, row by row from the top left.
        size: height and width of the map whose tokens these are.
    """
    return torch.softmax(logits_of(query, key) + spread(relative, size), dim=-1)


def spread(relative: Tensor, size: tuple[int, int]) -> Tensor:
    """heads x 225 x n into heads x n x n: the value for each pair of tokens, HIDDEN where out of reach."""
    height, width = size
    table = relative.reshape(-1, WINDOW, WINDOW, height, width).permute(0, 3, 1, 4, 2)
    table = _shifted_right(table, width)  # heads, query row, window row, query column, key column
    table = _shifted_right(table.permute(0, 3, 4, 1, 2), height)
    return table.permute(0, 3, 1, 4, 2).reshape(-1, height * width, height * width)


def collect(dense: Tensor, size: tuple[int, int]) -> Tensor:
    """heads x n x n into heads x n x 225: the inverse of `spread`, 0 for places outside the map."""
    height, width = size
    table = dense.reshape(-1, height, width, height, width).permute(0, 2, 4, 1, 3)
    table = _shifted_left(table, height)  # heads, query column, key column, query row, window row
    table = _shifted_left(table.permute(0, 3, 4, 1, 2), width)
    return table.permute(0, 1, 3, 2, 4).reshape(-1, height * width, WINDOW * WINDOW)


def _shifted_right(table: Tensor, length: int) -> Tensor:
    """... x length x 15 into ... x length x length: row i starts at column i - REACH; HIDDEN around it."""
    outer, long = table.shape[:-2], length + 2 * REACH
    flat = F.pad(table, (0, length), value=HIDDEN).reshape(*outer, length * (long + 1))
    rows = flat[..., : length * long].reshape(*outer, length, long)
    return rows[..., REACH : REACH + length]


def _shifted_left(table: Tensor, length: int) -> Tensor:
    """... x length x length into ... x length x 15: of row i, what begins at column i - REACH."""
    outer, long = table.shape[:-2], length + 2 * REACH
    flat = F.pad(table, (REACH, REACH)).reshape(*outer, length * long)
    rows = F.pad(flat, (0, length)).reshape(*outer, length, long + 1)
    return rows[..., :WINDOW]
