"""Where lines are hard, by the truth, and what layers are off there."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.chain_scores import ScoredFrame
from benchmarks.hard_places import KINDS, HardPlaces, places
from samples.scene import GroundTruth

SIZE = (120, 200)
STRAND, SMEAR = (slice(20, 80), slice(150, 153)), (slice(60, 100), slice(20, 60))
BODY, GLOW = (slice(20, 100), slice(80, 130)), (slice(40, 60), slice(90, 110))


@pytest.fixture
def truth() -> GroundTruth:
    alpha = np.zeros(SIZE, np.float32)
    alpha[BODY], alpha[STRAND], alpha[SMEAR] = 1, 1, 0.5
    foreground = np.zeros((*SIZE, 3), np.float32)
    foreground[alpha > 0] = (200 / 255, 100 / 255, 40 / 255)
    plate = np.full((*SIZE, 3), 40, np.uint8)
    plate[:, 140:] = (190, 100, 50)
    effect = np.zeros((*SIZE, 4), np.float32)
    effect[GLOW] = 0.3
    ids = np.asarray(alpha >= 0.5, np.uint8)
    return GroundTruth(0, plate, alpha, foreground, ids, plate, effect, "additive")


@pytest.fixture
def frame(truth: GroundTruth) -> ScoredFrame:
    """Its layer is the truth itself."""
    rgba = np.dstack([255 * truth.foreground, 255 * truth.alpha]).round().astype(np.uint8)
    nothing = np.zeros(SIZE, np.bool_)
    return ScoredFrame(0, 0, "enter", truth.frame, truth, truth.plate, nothing, rgba, [], truth.frame)


def test_each_kind_is_where_the_truth_has_it(frame: ScoredFrame) -> None:
    found = places(frame)
    assert list(found) == list(KINDS)
    assert found["strands"][STRAND].all() and not found["strands"][BODY].any()
    assert found["smears"][SMEAR].all() and not found["smears"][BODY].any()
    assert found["glow"][GLOW].all() and found["glow"].sum() == 20 * 20
    assert found["pan"][20, 100] and not found["pan"][60, 100], "edges alone"
    assert found["similar"][30, 151] and not found["similar"][20, 100], "where colours are"
    assert not places(replace(frame, shot="pair"))["pan"].any()


def test_a_layer_that_is_right_is_off_nowhere_and_a_wrong_one_where_it_is_wrong(frame: ScoredFrame) -> None:
    right, wrong = HardPlaces(), HardPlaces()
    right.add(frame)
    assert all(one["alpha"] <= 0.51 and one["laid"] <= 1 for one in right.content().values())
    assert frame.character is not None
    rgba = frame.character.copy()
    rgba[STRAND] = (0, 0, 0, 155)
    wrong.add(replace(frame, character=rgba))
    found = wrong.content()
    assert found["strands"]["alpha"] == pytest.approx(100, abs=0.01)
    assert found["strands"]["laid"] > 100 and found["glow"]["laid"] <= 1


def test_the_sheet_shows_a_place_of_each_kind_that_there_is(frame: ScoredFrame) -> None:
    hard = HardPlaces()
    hard.add(frame)
    tall, wide, _ = hard.sheet().shape
    one = HardPlaces()
    one.add(replace(frame, shot="pair"))
    assert one.sheet().shape == (tall * 4 // 5, wide, 3)


def test_a_frame_without_characters_counts_for_nothing(frame: ScoredFrame) -> None:
    hard = HardPlaces()
    hard.add(replace(frame, character=None))
    assert hard.content() == {}
