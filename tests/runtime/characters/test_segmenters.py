"""Each segmenter on frames whose truth is known; networks are stood in for by functions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.runtime.characters.actors import HEIGHT, WIDTH, drawn, iou
from trt_anime.errors import InputError
from trt_anime.runtime.characters.found import found_of
from trt_anime.runtime.characters.prompted import BoxMasks, cleaned
from trt_anime.runtime.characters.segmenters.mask2former import Mask2FormerSegmenter
from trt_anime.runtime.characters.segmenters.matte import MatteSegmenter
from trt_anime.runtime.characters.segmenters.oracle import OracleSegmenter
from trt_anime.runtime.characters.segmenters.sam import SamSegmenter
from trt_anime.stage import StageInfo

Arrays = dict[str, NDArray[Any]]


class Sam:
    """Draws whoever of the truth fills a box best, and beyond the box; what `quality` says of all."""

    def __init__(self, truth: NDArray[np.uint8], *, quality: float = 0.95) -> None:
        self.truth, self.quality = truth, quality
        self.boxes: list[list[float]] = []

    def image(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        assert inputs["frame"].shape == (1, *self.truth.shape, 3)
        return {"embedding": np.zeros((1, 4), np.float32)}

    def mask(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        assert set(inputs) == {"embedding", "boxes", "size"}
        assert inputs["size"].tolist() == list(self.truth.shape)
        self.boxes += inputs["boxes"][0].tolist()
        masks = [self._one(box) for box in inputs["boxes"][0]]
        return {
            "mask": np.stack(masks)[None],
            "quality": np.full((1, len(masks)), self.quality, np.float32),
        }

    def _one(self, box: NDArray[np.float32]) -> NDArray[np.uint8]:
        left, top, right, bottom = box.round().astype(int)
        inside = np.zeros_like(self.truth)
        inside[top:bottom, left:right] = self.truth[top:bottom, left:right]
        shares = [
            (inside == n).sum() / max(1, (self.truth == n).sum()) for n in range(1, self.truth.max() + 1)
        ]
        whole = [n for n, share in enumerate(shares, 1) if share > 0.8]
        return np.where(np.isin(self.truth, whole), 255, 0).astype(np.uint8)

    def masks(self, prompts: int = 2) -> BoxMasks:
        return BoxMasks(self.image, self.mask, prompts=prompts)


def test_facts_of_a_map_of_numbers() -> None:
    ids = np.zeros((20, 30), np.int64)
    ids[2:5, 3:10], ids[10:, 20:] = 1, 3
    found = found_of(
        ids, labels=["cat", "dog", "person"], scores=[0.1, 0.2, 0.3], characters=[False, True, True]
    )
    assert found.ids.dtype == np.uint16
    first, second = found.segments
    assert (first.id, first.label, first.score, first.box, first.pixels) == (
        1,
        "cat",
        0.1,
        (3, 2, 10, 5),
        21,
    )
    assert (second.id, second.label, second.box, second.pixels) == (3, "person", (20, 10, 30, 20), 100)
    assert found.characters == (second,)


def test_the_matte_alone() -> None:
    shown = drawn({1: (40, 60), 2: (200, 60)})
    found = MatteSegmenter().segment(shown.frame, shown.matte)
    assert len(found.characters) == 2
    assert np.array_equal(found.ids > 0, shown.ids > 0)
    with pytest.raises(InputError, match="stage 2a"):
        MatteSegmenter().segment(shown.frame, None)


def test_the_oracle_speaks_of_the_frame_that_came_last() -> None:
    shown = drawn({1: (40, 60)})
    oracle = OracleSegmenter(lambda index: shown.ids * np.uint8(index))
    numbers = []
    for _, frame, matte in oracle.watching((index, shown.frame, None) for index in (1, 5)):
        numbers.append([segment.id for segment in oracle.segment(frame, matte).segments])
    assert numbers == [[1], [5]]


@pytest.mark.parametrize("prompts", [1, 2, 5])
def test_sam_divides_two_who_touch(prompts: int) -> None:
    shown = drawn({1: (80, 60), 2: (118, 50)})
    found = SamSegmenter(Sam(shown.ids).masks(prompts)).segment(shown.frame, shown.matte)
    assert len(found.characters) == 2
    for number in (1, 2):
        assert max(iou(found.ids == s.id, shown.ids == number) for s in found.segments) > 0.99
    assert found.segments[0].score == pytest.approx(0.95)


def test_sam_does_not_divide_where_it_is_unsure_or_draws_both_in_each_box() -> None:
    shown = drawn({1: (80, 60), 2: (118, 50)})
    unsure = Sam(shown.ids, quality=0.7)
    both = Sam((shown.ids > 0).astype(np.uint8))
    both._one = lambda box: np.where(shown.ids > 0, 255, 0).astype(np.uint8)  # type: ignore[method-assign]
    for sam in (unsure, both):
        assert len(SamSegmenter(sam.masks()).segment(shown.frame, shown.matte).characters) == 1


def test_sam_finds_what_the_matte_lost_below() -> None:
    shown = drawn({1: (100, 60)})
    cut = shown.matte.copy()
    cut[140:] = 0
    found = SamSegmenter(Sam(shown.ids).masks()).segment(shown.frame, cut)
    assert iou(found.ids > 0, shown.ids > 0) == 1


def test_the_part_stays_where_sam_means_something_else() -> None:
    shown = drawn({1: (100, 60)})
    nothing = Sam(np.zeros_like(shown.ids))
    found = SamSegmenter(nothing.masks()).segment(shown.frame, shown.matte)
    assert np.array_equal(found.ids > 0, shown.ids > 0)
    assert found.segments[0].score == 0
    assert SamSegmenter(nothing.masks()).segment(shown.frame, shown.matte * 0).segments == ()


def test_masks_lose_crumbs_and_small_holes() -> None:
    mask = np.zeros((100, 100), bool)
    mask[20:80, 20:80] = True
    expected = mask.copy()
    mask[40:44, 40:44] = False
    mask[2:5, 2:5] = True
    assert np.array_equal(cleaned(mask) > 0, expected)
    mask[40:60, 40:60] = False  # an arm akimbo is no hole to fill
    assert not cleaned(mask)[50, 50]


def info(task: str = "panoptic") -> StageInfo:
    labels = ("Person, human", "cat", "sky")
    return StageInfo("segment", "some", "0" * 64, "MIT", "", {}, labels=labels, task=task, things=2)


def tables() -> Arrays:
    """Row 0 and 3 are people, the latter doubtful, row 1 a cat, row 2 sky."""
    index = np.full((HEIGHT, WIDTH), 255, np.uint8)
    index[:40], index[60:, :60], index[60:, 100:140], index[60:, 200:] = 2, 0, 1, 3
    labels = np.array([[0, 1, 2, 0]], np.int32)
    scores = np.array([[0.9, 0.8, 0.9, 0.4]], np.float32)
    areas = np.array([[(index == row).sum() for row in range(4)]], np.int32)
    return {"index": index[None], "labels": labels, "scores": scores, "areas": areas}


@pytest.mark.parametrize("task", ["panoptic", "instance", "semantic"])
def test_mask2former_names_segments_and_knows_people(task: str) -> None:
    segmenter = Mask2FormerSegmenter(lambda inputs: tables(), info(task), confidence_threshold=0.5)
    found = segmenter.segment(drawn({}).frame, None)
    assert [(s.label, s.character) for s in found.segments] == [
        ("Person, human", True),
        ("cat", False),
        ("sky", False),
    ]
    assert found.characters[0].box == (0, 60, 60, HEIGHT)
    assert not found.ids[60:, 200:].any()
    loose = Mask2FormerSegmenter(lambda inputs: tables(), info(task), confidence_threshold=0.3)
    assert len(loose.segment(drawn({}).frame, None).characters) == 2


def test_mask2former_s_people_can_be_chosen_and_must_be_there() -> None:
    segmenter = Mask2FormerSegmenter(lambda inputs: tables(), info(), people=["Cat"])
    assert [s.label for s in segmenter.segment(drawn({}).frame, None).characters] == ["cat"]
    with pytest.raises(InputError, match=r"none of its classes \(Person, human, cat, sky, ...\).*dragon"):
        Mask2FormerSegmenter(lambda inputs: tables(), info(), people=["dragon"])
    with pytest.raises(InputError, match="no task 'depth'"):
        Mask2FormerSegmenter(lambda inputs: tables(), info("depth"))
