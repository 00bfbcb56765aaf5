"""Rows of the chain that is compared with sequential PyTorch, and what a stage of it might give."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.chain.stages import CHAIN, Arrays, ChainStage, Given

FRAME: NDArray[np.uint8] = np.random.default_rng(3).integers(0, 256, (12, 20, 3), np.uint8)
MATTE, FOLLOW, DESCRIBE = CHAIN["u2netp"], CHAIN["xmem"], CHAIN["blip-base"]
ROWS = [MATTE, CHAIN["lama"]]
NO_PROMPTS = np.zeros((2, 0), np.float32)


def layer_of(row: ChainStage, given: Given) -> Arrays:
    """Something that depends on all that the stage reads."""
    if row.output == "rgba":
        return {"rgba": np.dstack([given["frame"][0], given["frame"][0, ..., 0]])[None]}
    return {"plate": (given["frame"] // 2 + given["hole"][..., None] // 4).astype(np.uint8)}
