"""Graph and tables together give what the transformers library gives, pixel by pixel."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from tests.segment import library
from tests.segment.pieces import Square, rule_for
from tests.segment.proposals import Proposals, noise, scene
from trt_anime.export.recipes.segment import Segmentation
from trt_anime.export.segment.finish import finish_graph
from trt_anime.runtime.segmentation import (
    Segments,
    instance_segments,
    panoptic_segments,
    semantic_segments,
)

# Neighbours that are equal but for rounding: so many pixels in a million may go to the other one.
FEW = 20e-6
FRAMES = [(135, 240), (99, 130), (48, 80)]
MAKERS: dict[str, Callable[..., Proposals]] = {"noise": noise, "scene": scene}

FRAME = pytest.mark.parametrize("size", FRAMES, ids=str)
MADE = pytest.mark.parametrize("made", MAKERS)


def proposals_for(rule: Segmentation, made: str, seed: int = 0) -> Proposals:
    height, width = rule.network_size
    return MAKERS[made](2, rule.queries, len(rule.labels), (height // 4, width // 4), seed)


def outputs_of(
    rule: Segmentation, proposals: Proposals, size: tuple[int, int], threshold: float = 0.5
) -> dict[str, NDArray[Any]]:
    session = ort.InferenceSession(
        finish_graph(rule).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feeds: dict[str, Any] = {
        "size": np.array(size),
        "class_logits": proposals.class_logits,
        "mask_logits": proposals.mask_logits,
        "threshold": np.full(len(proposals.class_logits), threshold, np.float32),
    }
    results: Any = session.run(None, feeds)
    return {value.name: array for value, array in zip(session.get_outputs(), results, strict=True)}


def segments_of(rule: Segmentation, outputs: dict[str, NDArray[Any]], frame: int) -> Segments:
    tables = {name: array[frame] for name, array in outputs.items()}
    if rule.task == "panoptic":
        return panoptic_segments(**tables, stuff=range(rule.things, len(rule.labels)))
    return (instance_segments if rule.task == "instance" else semantic_segments)(**tables)


def in_the_library_s_words(rule: Segmentation, found: Segments) -> tuple[NDArray[np.int64], list[Any]]:
    """Map and segments with the ids that the library gives: its count goes back after a fused segment."""
    first = 0 if rule.task == "instance" else 1
    numbers = np.zeros(256, np.int64)
    last, fused, words = first - 1, dict[int, int](), []
    by_row = sorted((row, segment) for segment in found.found for row in segment.rows)
    for row, segment in sorted(by_row, key=lambda pair: pair[0]):
        last = fused.get(segment.label, last + 1)
        if rule.task == "panoptic" and segment.label >= rule.things:
            fused[segment.label] = last
        numbers[segment.id] = last
        words.append((row, last, segment.label))
    return np.where(found.ids > 0, numbers[found.ids], first - 1), words


@pytest.mark.parametrize("threshold", [0.5, 0.8])
@FRAME
@MADE
def test_panoptic(made: str, size: tuple[int, int], threshold: float) -> None:
    _compare(rule_for("panoptic"), made, size, threshold)


@pytest.mark.parametrize("threshold", [0.3, 0.5])
@FRAME
@MADE
def test_instance(made: str, size: tuple[int, int], threshold: float) -> None:
    _compare(rule_for("instance"), made, size, threshold)


@pytest.mark.parametrize("task", ["panoptic", "instance"])
@pytest.mark.parametrize("queries", [100, 200])
def test_as_many_queries_as_published(task: str, queries: int) -> None:
    rule = replace(rule_for(task), queries=queries, slots=queries)
    _compare(rule, "scene", (270, 480), 0.5)


@pytest.mark.parametrize("task", ["panoptic", "instance"])
def test_at_the_library_s_own_size(task: str) -> None:
    """Without a hand laid on it: pictures of 384x384."""
    rule = Square(**{**vars(rule_for(task)), "short_side": 384, "queries": 20})
    _compare(rule, "scene", (360, 640), 0.5)


def _compare(rule: Segmentation, made: str, size: tuple[int, int], threshold: float) -> None:
    proposals = proposals_for(rule, made)
    outputs = outputs_of(rule, proposals, size, threshold)
    expected = library.merged(proposals, rule, size, threshold)
    for frame, wanted in enumerate(expected):
        found = segments_of(rule, outputs, frame)
        ids, words = in_the_library_s_words(rule, found)
        info = wanted["segments_info"]
        assert [(number, label) for _, number, label in words] == [(s["id"], s["label_id"]) for s in info]
        scores = [outputs["scores"][frame][row] for row, _, _ in words]
        np.testing.assert_allclose(scores, [s["score"] for s in info], atol=5e-6)
        # A frame without a segment is -1 all over there, and 0 where there were candidates.
        apart = ids != wanted["segmentation"].numpy() if words else np.array([found.ids.any()])
        assert apart.mean() < FEW
        assert made == "noise" or len(words) > 3


@FRAME
@MADE
def test_semantic(made: str, size: tuple[int, int]) -> None:
    rule = rule_for("semantic")
    proposals = proposals_for(rule, made)
    outputs = outputs_of(rule, proposals, size, threshold=0)
    for frame, wanted in enumerate(library.merged(proposals, rule, size, 0)):
        assert (outputs["index"][frame] != wanted.numpy()).mean() < FEW
        found = segments_of(rule, outputs, frame)
        assert [segment.label for segment in found.found] == np.unique(outputs["index"][frame]).tolist()
        assert sum(segment.pixels for segment in found.found) == wanted.numel()


@FRAME
def test_fewer_slots_than_queries_change_nothing_while_they_suffice(size: tuple[int, int]) -> None:
    for task in ("panoptic", "semantic"):
        rule = rule_for(task)
        proposals = proposals_for(rule, "scene")
        whole, few = (outputs_of(replace(rule, slots=slots), proposals, size) for slots in (99, 25))
        for name in whole:
            assert np.array_equal(whole[name], few[name]), (task, name)


def test_candidates_without_a_slot_are_told() -> None:
    rule = rule_for("panoptic")
    proposals = proposals_for(rule, "scene")
    whole, few = (outputs_of(replace(rule, slots=slots), proposals, (99, 130)) for slots in (99, 6))
    for frame in range(2):
        scores, areas = whole["scores"][frame], few["areas"][frame]
        candidates = (scores > 0.5) & (whole["labels"][frame] < len(rule.labels))
        best = np.argsort(np.where(candidates, -scores, 0), kind="stable")[:6]
        assert set(np.flatnonzero(candidates & (areas == -1))) == set(np.flatnonzero(candidates)) - set(
            best
        )
        assert set(np.unique(few["index"][frame])) <= set(best)
        assert np.array_equal(areas[best], whole["areas"][frame][best])


def test_a_class_needs_more_evidence_than_the_threshold() -> None:
    rule = rule_for("semantic")
    proposals = proposals_for(rule, "scene")
    everybody, some = (outputs_of(rule, proposals, (99, 130), value)["index"] for value in (0, 0.5))
    left_out = some == 255
    assert 0.1 < left_out.mean() < 0.9
    assert np.array_equal(everybody[~left_out], some[~left_out])


@pytest.mark.parametrize("task", ["panoptic", "instance"])
def test_nobody_is_sure_enough(task: str) -> None:
    rule = rule_for(task)
    outputs = outputs_of(rule, proposals_for(rule, "scene"), (48, 80), threshold=1.0)
    assert (outputs["index"] == 255).all() and not outputs["areas"].any()
    assert segments_of(rule, outputs, 0).found == ()


def test_equal_values_go_to_the_first() -> None:
    rule = rule_for("panoptic")
    proposals = proposals_for(rule, "scene")
    proposals.class_logits[:] = proposals.class_logits[:, :1]
    proposals.class_logits[..., 3] = 30
    proposals.mask_logits[:] = 40  # a probability of 1, to the last digit
    outputs = outputs_of(replace(rule, slots=9), proposals, (48, 80))
    assert (outputs["index"] == 0).all()


def test_each_frame_has_its_own_threshold() -> None:
    rule = rule_for("panoptic")
    proposals = proposals_for(rule, "scene")
    both = Proposals(*(array[[0, 0]] for array in vars(proposals).values()))
    session = ort.InferenceSession(
        finish_graph(rule).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    thresholds = np.array([0.5, 0.95], np.float32)
    results: Any = session.run(
        ["index"], {**vars(both), "size": np.array([48, 80]), "threshold": thresholds}
    )
    lone = [outputs_of(rule, proposals, (48, 80), float(value))["index"][0] for value in thresholds]
    assert not np.array_equal(*lone)
    assert np.array_equal(results[0], np.stack(lone))
