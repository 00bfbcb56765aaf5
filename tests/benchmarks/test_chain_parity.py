"""What ours and the baseline give is compared before anything is timed."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.chain.parity import compared, decoders_agree
from benchmarks.chain.stages import Arrays, ChainStage, Given, halves
from tests.benchmarks.chain_rows import DESCRIBE, FOLLOW, FRAME, MATTE, NO_PROMPTS, ROWS, layer_of
from trt_anime.errors import EngineError


def test_stages_of_a_frame_get_the_same_inputs_and_the_worst_difference_counts() -> None:
    def off(row: ChainStage, given: Given) -> Arrays:
        found = layer_of(row, given)
        return {"plate": np.maximum(found["plate"], 1) - 1} if row.output == "plate" else found

    found = compared(ROWS, [FRAME, FRAME // 2], NO_PROMPTS, ours=off, theirs=layer_of)
    assert list(found) == ["2a u2netp", "2c lama"]
    assert [found[title].maximum for title in found] == [0.0, 1.0]


def test_results_that_differ_are_refused_with_how_much() -> None:
    def wrong(row: ChainStage, given: Given) -> Arrays:
        found = layer_of(row, given)
        return {"plate": 255 - found["plate"]} if row.output == "plate" else found

    with pytest.raises(
        EngineError, match=r"stage 2c lama differs by max .* p99 1, max 4 of 255 is allowed"
    ):
        compared(ROWS, [FRAME], NO_PROMPTS, ours=wrong, theirs=layer_of)


def test_a_result_of_another_size_is_refused() -> None:
    def smaller(row: ChainStage, given: Given) -> Arrays:
        return {name: array[:, 1:] for name, array in layer_of(row, given).items()}

    with pytest.raises(EngineError, match="2a u2netp gives"):
        compared(ROWS, [FRAME], NO_PROMPTS, ours=smaller, theirs=layer_of)


def test_numbers_of_something_are_the_same_or_not() -> None:
    """Between the characters 1 and 2 it is as far as between 1 and 200."""

    def one(row: ChainStage, given: Given) -> Arrays:
        return layer_of(row, given) if row is MATTE else {"ids": np.ones((1, 40, 50), np.uint8)}

    def other(row: ChainStage, given: Given) -> Arrays:
        found = one(row, given)
        if row is FOLLOW:
            found["ids"].flat[: 3 if "ids" in given else 10] = 200  # the second frame is the worse one
        return found

    found = compared([MATTE, FOLLOW], [FRAME, FRAME], NO_PROMPTS, ours=other, theirs=one)["3 xmem"]
    assert found.maximum == 1 and found.mean == pytest.approx(0.005)


def test_one_pixel_of_a_hundred_may_be_somebody_else_and_no_token_another() -> None:
    def ours(row: ChainStage, given: Given) -> Arrays:
        if row is FOLLOW:
            return {"ids": (np.arange(1000).reshape(1, 20, 50) < 11).astype(np.uint8)}
        return layer_of(row, given) if row is MATTE else {"tokens": np.array([7, 8], np.int32)}

    def theirs(row: ChainStage, given: Given) -> Arrays:
        found = ours(row, given)
        return found if row is MATTE else {name: array * 0 for name, array in found.items()}

    for row in (FOLLOW, DESCRIBE):
        with pytest.raises(EngineError, match=f"stage {row.title} differs by max 1"):
            compared([MATTE, row], [FRAME], NO_PROMPTS, ours=ours, theirs=theirs)


def test_only_the_first_frame_is_described_and_only_there_characters_are_given() -> None:
    asked: list[tuple[str, bool]] = []

    def noted(row: ChainStage, given: Given) -> Arrays:
        if row is MATTE:
            return layer_of(row, given)
        asked.append((row.model, "ids" in given))
        return {row.output: np.zeros(4, np.int32)}

    compared([MATTE, FOLLOW, DESCRIBE], [FRAME] * 2, NO_PROMPTS, ours=layer_of_any, theirs=noted)
    assert asked == [("xmem", True), ("blip-base", False), ("xmem", False)]


def layer_of_any(row: ChainStage, given: Given) -> Arrays:
    return layer_of(row, given) if row is MATTE else {row.output: np.zeros(4, np.int32)}


def test_a_mattes_halves_are_two_characters() -> None:
    alpha = np.zeros((1, 4, 10), np.uint8)
    alpha[0, 1:3, 2:8] = 255
    ids = halves(alpha)
    assert ids[0, 1].tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 0, 0] and not ids[0, 0].any()
    assert halves(alpha * 0)[0, 0].tolist() == [1] * 5 + [2] * 5  # nobody is there: there must be somebody


def test_decoders_must_give_as_many_frames_and_nearly_the_same() -> None:
    clip = Path("clip.mp4")
    near = np.clip(FRAME.astype(int) + np.eye(12, 20, dtype=int)[..., None], 0, 255).astype(np.uint8)
    assert "differ by" in decoders_agree([FRAME], [near], clip)
    with pytest.raises(EngineError, match="1 frames are read by us, 2 by OpenCV"):
        decoders_agree([FRAME], [FRAME, FRAME], clip)
    with pytest.raises(EngineError, match="of 255 from ours"):
        decoders_agree([FRAME], [np.ascontiguousarray(FRAME[..., ::-1])], clip)
