"""The networks with the goldens' weights."""

from functools import cache

import torch

from tests.parity.goldens import manifest
from trt_anime.export.networks import create
from trt_anime.export.networks.aot.network import ObjectTracker


@cache
def network(model: str) -> ObjectTracker:
    """In evaluation mode, float32. Shared between tests: change a copy only."""
    made = create(model)
    assert isinstance(made, ObjectTracker)
    weights = {name: torch.from_numpy(value) for name, value in manifest(model).weights().items()}
    made.load_state_dict(weights, strict=True)
    return made.eval().requires_grad_(False)
