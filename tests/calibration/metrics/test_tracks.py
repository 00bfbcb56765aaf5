"""Counts on maps small enough to count by hand."""

from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from trt_anime.calibration.metrics.tracks import Ids, TrackMetric
from trt_anime.errors import InputError


def row(text: str) -> NDArray[np.uint8]:
    return np.array([[int(letter) for letter in text]], np.uint8)


def scored(*frames: tuple[str, str]) -> TrackMetric:
    metric = TrackMetric()
    for truth, found in frames:
        metric.add(row(truth), row(found))
    return metric


def test_the_same_under_other_numbers_is_perfect() -> None:
    score = scored(("1122", "7733"), ("1222", "7333")).score()
    assert score.overlap == {1: 1.0, 2: 1.0} and score.mean_overlap == 1
    assert (score.switches, score.spurious) == (0, 0)
    assert score.missed == {1: 0, 2: 0} and score.flicker == {1: 0.0, 2: 0.0}


def test_ids_that_are_swapped_are_two_switches() -> None:
    score = scored(("1122", "1122"), ("1122", "2211"), ("1122", "2211")).score()
    assert score.switches == 2
    assert score.overlap == {1: pytest.approx(4 / 8), 2: pytest.approx(4 / 8)}


def test_one_who_is_lost_and_found_again_under_his_id_did_not_switch() -> None:
    score = scored(("11", "55"), ("11", "00"), ("11", "55"), ("11", "66")).score()
    assert (score.switches, score.missed, score.spurious) == (1, {1: 1}, 1)


def test_overlap_counts_pixels_over_all_frames() -> None:
    score = scored(("1110", "1100"), ("1110", "1111")).score()
    assert score.overlap == {1: pytest.approx(5 / 7)}


def test_changes_that_the_truth_does_not_have_are_flicker() -> None:
    score = scored(("1100", "1100"), ("1100", "1000"), ("1100", "1100"), ("0110", "0110")).score()
    assert score.flicker == {1: pytest.approx((0.5 + 0.5 + 0) / 3)}
    metric = scored(("1100", "1100"))
    metric.cut()
    metric.add(row("1100"), row("1000"))
    assert metric.score().flicker == {1: 0.0}


def test_nobody_in_truth_and_nobody_found() -> None:
    assert scored(("00", "00")).score().mean_overlap == 1
    score = scored(("00", "11")).score()
    assert (score.overlap, score.spurious) == ({}, 1)
    assert scored(("11", "00")).score().overlap == {1: 0.0}


def test_maps_that_are_none() -> None:
    with pytest.raises(InputError, match="uint8"):
        TrackMetric().add(row("11"), row("111"))
    with pytest.raises(InputError, match="uint8"):
        TrackMetric().add(row("11"), cast(Ids, row("11").astype(np.int32)))
