"""Characters come out one by one, whether a run kept them merged or separate."""

import numpy as np
import pytest

from samples.scene import GroundTruth
from tests.runtime.delivery.folders import character_rgba
from trt_anime.errors import InputError
from trt_anime.runtime.delivery.people import (
    EVERYONE,
    cut_out,
    ids_at,
    merged,
    over_each_other,
    subjects,
)
from trt_anime.runtime.results.reader import Results

Run = tuple[Results, list[GroundTruth]]
PAIR = 9  # both of the second shot's characters


def test_everyone_with_a_track_is_a_subject(run: Run) -> None:
    said: list[str] = []
    names = [subject.name for subject in subjects(run[0], said.append)]
    assert names == ["character_01", "character_02", "character_03"] and said == []


def test_without_tracks_all_are_one_and_that_is_said(matte_only: Run) -> None:
    said: list[str] = []
    (subject,) = subjects(matte_only[0], said.append)
    assert subject.id == EVERYONE and "no tracks" in said[0]
    cut = cut_out(matte_only[0], subject, PAIR)
    assert cut is not None and np.array_equal(cut, character_rgba(matte_only[1][PAIR]))


def test_a_merged_matte_is_divided_without_loss_or_overlap(run: Run) -> None:
    results, truths = run
    truth = truths[PAIR]
    pair = [subject for subject in subjects(results, print) if subject.id in np.unique(truth.instance)]
    cuts = [cut_out(results, subject, PAIR) for subject in pair]
    alphas = np.stack([cut[..., 3] for cut in cuts if cut is not None])
    whole = character_rgba(truth)[..., 3]
    for subject, alpha in zip(pair, alphas, strict=True):
        own = truth.instance == subject.id
        assert np.array_equal(alpha[own], whole[own])
        assert not alpha[(truth.instance > 0) & ~own].any()
    assert len(pair) == 2
    missed = (whole > 0) & ~alphas.any(axis=0)
    assert missed.mean() < 0.002  # the far ends of strands


def test_separate_layers_are_given_as_they_are(separate: Run) -> None:
    results, truths = separate
    people = {subject.id: subject for subject in subjects(results, print)}
    layer = next(layer for layer in results.layers.folders if layer.character == 3)
    cut, stored = cut_out(results, people[3], PAIR), results.rgba(layer, PAIR)
    assert cut is not None and stored is not None and np.array_equal(cut, stored)
    assert cut_out(results, people[2], PAIR) is None
    again = merged(results, PAIR)
    assert again is not None
    whole = character_rgba(truths[PAIR]).astype(int)
    assert np.array_equal(again[..., 3], whole[..., 3])
    shown = whole[..., 3] > 0
    assert np.array_equal(again[shown], whole[shown])


def test_the_upper_of_two_layers_covers_the_lower() -> None:
    lower = np.full((2, 2, 4), (200, 0, 0, 255), np.uint8)
    upper = np.full((2, 2, 4), (0, 100, 0, 51), np.uint8)
    assert over_each_other([lower, upper])[0, 0].tolist() == [160, 20, 0, 255]
    half = np.full((2, 2, 4), (200, 0, 0, 128), np.uint8)
    clear = np.zeros((2, 2, 4), np.uint8)
    assert over_each_other([half, clear])[0, 0].tolist() == [200, 0, 0, 128]


def test_ids_without_tracks_are_the_solid_part_of_the_matte(matte_only: Run) -> None:
    results, truths = matte_only
    ids = ids_at(results, PAIR)
    assert ids is not None and np.array_equal(ids, character_rgba(truths[PAIR])[..., 3] >= 128)


def test_nobody_at_all_is_an_error(matte_only: Run) -> None:
    results = Results(matte_only[0].folder, matte_only[0].record)
    results.__dict__["layers"] = type(matte_only[0].layers)(())
    with pytest.raises(InputError, match="holds no characters"):
        subjects(results, print)
