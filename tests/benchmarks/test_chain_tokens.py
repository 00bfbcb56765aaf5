"""Tokens of both ways are compared as far as the network, and not rounding, decides on them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.chain.parity import Run, compared
from benchmarks.chain.stages import CHAIN, UNDECIDED, Arrays, ChainStage, Given
from trt_anime.errors import EngineError

torch = pytest.importorskip("torch")
from benchmarks.chain.torch_way import decided  # noqa: E402 - it needs PyTorch

FRAME: NDArray[np.uint8] = np.zeros((8, 8, 3), np.uint8)
DESCRIBE = CHAIN["blip-base"]


def held(ours: list[int], theirs: list[int]) -> bool:
    """Whether they are taken for the same."""

    def way(tokens: list[int]) -> Run:
        def run(row: ChainStage, given: Given) -> Arrays:
            return {"tokens": np.array(tokens, np.int32)}

        return run

    found = compared([DESCRIBE], [FRAME], np.zeros((2, 0), np.float32), ours=way(ours), theirs=way(theirs))
    return found["4 blip-base"].passed


def test_what_rounding_chooses_and_what_follows_it_is_left_out() -> None:
    logits = torch.randn((4, 1000), generator=torch.Generator().manual_seed(0))
    tokens = torch.tensor([3, 5, 7, 9])
    logits[range(4), tokens] = 9.0
    assert decided(tokens, logits).tolist() == [3, 5, 7, 9]
    logits[2, 8] = 8.995
    assert decided(tokens, logits).tolist() == [3, 5, UNDECIDED]
    logits[2, 8] = 8.5
    assert decided(tokens, logits).tolist() == [3, 5, 7, 9]


def test_tokens_are_compared_up_to_the_first_that_is_not_decided() -> None:
    assert held([3, 5, 8, 8, 8], [3, 5, UNDECIDED])
    with pytest.raises(EngineError, match="another token"):
        held([3, 6, 8], [3, 5, UNDECIDED])
    with pytest.raises(EngineError, match="gives"):
        held([3, 5, 7, 9], [3, 5, 7])
    with pytest.raises(EngineError, match="gives"):
        held([3], [3, 5, UNDECIDED])
    with pytest.raises(EngineError, match="nothing to compare"):
        held([3], [UNDECIDED])
