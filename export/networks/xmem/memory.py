"""How a query finds its answer in the memory: the reference for the graphs that do it.

Memory cells are columns: keys [C,N], values [objects,V,N]; so are the query's positions: [C,M].
"""

import math

import torch
from torch import Tensor


def similarity(
    memory_key: Tensor, query_key: Tensor, *, shrinkage: Tensor | None, selection: Tensor | None
) -> Tensor:
    """How near each cell is to each position, [N,M]: a negative distance where `selection` is given.

    shrinkage: [1,N], how narrow a cell's reach is; None is 1. selection: [C,M], which channels count for a
    position; None is 1, and then the query's own norm is left out.
    """
    if selection is None:
        near = 2 * memory_key.T @ query_key - memory_key.square().sum(0)[:, None]
    else:
        near = 2 * memory_key.T @ (query_key * selection) - memory_key.square().T @ selection
        near = near - (selection * query_key.square()).sum(0)[None]
    near = near / math.sqrt(memory_key.shape[0])
    return near if shrinkage is None else near * shrinkage.T


def affinity(near: Tensor, *, top_k: int | None) -> Tensor:
    """[N,M] -> [N,M]: the softmax over the cells, of the `top_k` nearest ones only unless that is None."""
    if top_k is None:
        return near.softmax(dim=0)
    best, cells = near.topk(top_k, dim=0)
    return torch.zeros_like(near).scatter(0, cells, best.softmax(dim=0))


def readout(affine: Tensor, value: Tensor) -> Tensor:
    """[N,M], [objects,V,N] -> [objects,V,M]."""
    return value @ affine
