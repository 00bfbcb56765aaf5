"""What the frames before a key frame learn from it."""

from collections.abc import Iterator

import numpy as np
import pytest

from samples.scene import GroundTruth, Scene, SceneOptions
from trt_anime.runtime.characters.births import Seen, looked_back
from trt_anime.runtime.characters.following import KeySchedule, Tracked, track_shot
from trt_anime.runtime.characters.found import Found, Frame, Ids, Matte, found_of
from trt_anime.runtime.characters.propagators.flow import FlowPropagator
from trt_anime.runtime.layers.characters import limited

SCHEDULE = KeySchedule()
FAST = 8  # frames in which the character slides in


def matte_of(truth: GroundTruth) -> Matte:
    return np.asarray(np.rint(truth.alpha * 255), np.uint8)


def tracked(truths: list[GroundTruth]) -> list[Tracked]:
    """By motion, with the truth on key frames."""
    now: list[GroundTruth] = []

    class Known:
        def segment(self, frame: Frame, matte: Matte | None) -> Found:
            return found_of(now[0].instance)

    def frames() -> Iterator[tuple[int, Frame, Matte | None]]:
        for truth in truths:
            now[:] = [truth]
            yield truth.index, truth.frame, matte_of(truth)

    return list(track_shot(frames(), Known(), FlowPropagator(), SCHEDULE))


def overlap(ids: Ids, truth: GroundTruth) -> float:
    both, either = (ids > 0) & (truth.instance > 0), (ids > 0) | (truth.instance > 0)
    return float(both.sum() / max(1, either.sum()))


@pytest.mark.parametrize("seed", [7, 11])
def test_who_slides_in_fast_is_there_whole_from_the_first_frame(seed: int) -> None:
    scene = Scene(SceneOptions(seed=seed, width=320, height=180, frames=96))
    truths = [scene.render(index) for index in range(1, FAST)]
    before = tracked(truths)
    after = list(looked_back(map(seen_of, truths, before), SCHEDULE))
    assert min(map(overlap, (one.ids for one in before), truths)) < 0.7
    assert min(map(overlap, (one.ids for one in after), truths)) > 0.97
    assert max(map(lost, (one.ids for one in before), truths)) > 25, "levels of alpha"
    assert max(map(lost, (one.ids for one in after), truths)) < 5


def lost(ids: Ids, truth: GroundTruth) -> float:
    """Levels of the matte that limiting it takes away, where somebody is."""
    rgba = np.dstack([truth.frame, matte_of(truth)])
    gap = matte_of(truth).astype(int) - limited(rgba, ids)[..., 3]
    return float(gap[truth.alpha > 0].mean())


def seen_of(truth: GroundTruth, one: Tracked) -> Seen:
    return Seen(truth.frame, matte_of(truth), one)


def drawn(*people: tuple[int, int], key: bool, named: int, index: int = 0, alpha: int = 255) -> Seen:
    """Boxes by id and place, of which the first `named` are followed."""
    frame = np.full((90, 160, 3), 60, np.uint8)
    ids, matte = np.zeros((2, 90, 160), np.uint8)
    for place, (number, left) in enumerate(people):
        box = slice(20, 80), slice(left, left + 30)
        frame[box], matte[box] = 40 * number + 20, alpha
        if place < named:
            ids[box] = number
    return Seen(frame, matte, Tracked(index, ids, found_of(ids) if key else None, 1.0))


def test_two_who_are_there_keep_their_ids_and_the_new_one_gets_his() -> None:
    frames = [
        drawn((1, 10), (2, left), key=left == 110, named=1 + (left == 110)) for left in (122, 116, 110)
    ]
    first, second, last = looked_back(frames, SCHEDULE)
    for one, left in ((first, 122), (second, 116), (last, 110)):
        assert (one.ids[20:80, 10:40] == 1).all()
        assert (one.ids[22:78, left + 2 : left + 28] == 2).all()
        assert one.ids[:18].max() == 0


def test_a_smear_that_is_nowhere_solid_is_who_comes_of_it() -> None:
    frames = [drawn((1, 60), key=False, named=0, alpha=90), drawn((1, 60), key=True, named=1)]
    first, _ = looked_back(frames, SCHEDULE)
    assert (first.ids[22:78, 62:88] == 1).all()
    assert first.ids[:, :58].max() == 0


def test_what_is_explained_stays_as_it_was_and_nothing_is_held_longer_than_key_frames_rest() -> None:
    passed = []

    def frames() -> Iterator[Seen]:
        for index in range(20):
            passed.append(index)
            yield drawn((1, 10 + index), key=index % 6 == 0, named=1, index=index)

    for place, one in enumerate(looked_back(frames(), SCHEDULE)):
        assert one.index == place
        assert len(passed) - place <= SCHEDULE.rest + 1
        left = 10 + place
        assert (one.ids > 0).sum() == 60 * 30
        assert (one.ids[20:80, left : left + 30] == 1).all()


def test_without_a_matte_or_a_later_key_frame_nothing_is_made_up() -> None:
    one, key = drawn((1, 9), key=False, named=0), drawn((1, 9), key=True, named=1)
    blind = Seen(one.frame, None, one.tracked)
    assert not next(iter(looked_back([blind, key], SCHEDULE))).ids.any()
    open_end = [drawn((1, 9), key=False, named=0), drawn((1, 9), key=True, named=0)]
    assert not any(one.ids.any() for one in looked_back(open_end, SCHEDULE))
