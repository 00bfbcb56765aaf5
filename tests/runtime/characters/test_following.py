"""Through shots whose truth is known: ids, key frames, and what is kept."""

import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.runtime.characters.actors import Shown, drawn, film, iou, line
from trt_anime.calibration.metrics.tracks import TrackMetric, TrackScore
from trt_anime.errors import InputError
from trt_anime.runtime.characters.following import KeySchedule, Known, Tracked, track_shot
from trt_anime.runtime.characters.found import Found, Frame, Ids, Matte, found_of
from trt_anime.runtime.characters.propagation import Followed
from trt_anime.runtime.characters.propagators.flow import FlowPropagator
from trt_anime.runtime.characters.segmenters.matte import MatteSegmenter
from trt_anime.runtime.characters.segmenters.oracle import OracleSegmenter
from trt_anime.runtime.results.layers import OTHERS


def shuffling(shown: list[Shown], seed: int = 0) -> OracleSegmenter:
    """Tells the truth, but numbers people anew in each key frame."""
    random = np.random.default_rng(seed)

    def told(index: int) -> NDArray[np.int64]:
        numbers = np.concatenate([[0], random.permutation(np.arange(1, 9))])
        return np.asarray(numbers[shown[index].ids])

    return OracleSegmenter(told)


def followed(shown: list[Shown], schedule: KeySchedule, *, matte: bool = True) -> list[Tracked]:
    oracle = shuffling(shown)
    frames = ((n, each.frame, each.matte if matte else None) for n, each in enumerate(shown))
    return list(track_shot(oracle.watching(frames), oracle, FlowPropagator(), schedule))


def score(shown: list[Shown], tracked: list[Tracked]) -> TrackScore:
    metric = TrackMetric()
    for each in tracked:
        metric.add(shown[each.index].ids, each.ids)
    return metric.score()


def keys(tracked: list[Tracked]) -> list[int]:
    return [each.index for each in tracked if each.key is not None]


def test_two_who_cross_keep_their_ids() -> None:
    shown = film({1: line((30, 55), (230, 55), 25), 2: line((220, 60), (40, 60), 25)})
    tracked = followed(shown, KeySchedule(every=6))
    found = score(shown, tracked)
    assert found.switches == 0 and found.spurious == 0
    assert found.overlap[1] > 0.94 and found.overlap[2] > 0.94
    assert sum(found.missed.values()) <= 2  # one is wholly hidden between


def test_key_frames_come_closer_after_somebody_new_and_then_as_asked() -> None:
    shown = film({1: [(100, 60)] * 40})
    tracked = followed(shown, KeySchedule(every=12, rest=3))
    assert keys(tracked) == [0, 3, 9, 21, 33]
    assert tracked[3].key is not None and len(tracked[3].key.segments) == 1
    assert score(shown, tracked).mean_overlap == 1


@pytest.mark.parametrize("matte", [True, False])
def test_who_enters_later_is_found_and_gets_an_id_of_his_own(matte: bool) -> None:
    entering = [None] * 6 + line((-40, 60), (60, 60), 6) + [(60, 60)] * 13
    shown = film({1: [(200, 60)] * 25, 2: entering})
    tracked = followed(shown, KeySchedule(every=6, rest=2), matte=matte)
    found = score(shown, tracked)
    assert found.switches == 0 and found.spurious == 0
    assert found.missed == {1: 0, 2: found.missed[2]} and found.missed[2] <= (2 if matte else 5)
    assert {*np.unique(tracked[-1].ids).tolist()} == {0, 1, 2}


def test_an_empty_picture_has_nobody_until_the_matte_shows_somebody() -> None:
    shown = film({1: [None] * 9 + [(100, 60)] * 6})
    tracked = followed(shown, KeySchedule(every=50, rest=5))
    assert keys(tracked) == [0, 9, 14]
    assert not tracked[8].ids.any() and tracked[9].ids.any()


def test_ids_of_those_who_left_are_not_given_to_others_and_they_get_them_back() -> None:
    gone = [(100, 60)] * 5 + [None] * 12
    shown = film({1: [*gone, (150, 60), (150, 60), (150, 60)], 2: [None] * 8 + [(30, 60)] * 12})
    tracked = followed(shown, KeySchedule(every=4, rest=2))
    assert np.unique(tracked[7].ids).tolist() == [0]
    assert np.unique(tracked[12].ids).tolist() == [0, 2]
    assert np.unique(tracked[-1].ids).tolist() == [0, 1, 2]
    assert score(shown, tracked).switches == 0


def test_a_frame_that_the_propagator_is_unsure_of_becomes_a_key_frame() -> None:
    places = [(60, 60)] * 12 + [(200, 60)] * 12  # a jump, as fast moves are
    shown = film({1: places})
    tracked = followed(shown, KeySchedule(every=100, rest=3))
    assert tracked[12].sure < 0.5 and 12 in keys(tracked)
    found = score(shown, tracked)
    assert (found.switches, found.missed, found.spurious) == (0, {1: 0}, 0)


def test_two_who_touch_in_the_matte_keep_the_border_between_them() -> None:
    """The segmenter sees one thing from the 6th frame on."""
    shown = film({1: line((60, 60), (130, 60), 15), 2: [(190, 55)] * 15})
    frames = ((n, each.frame, each.matte) for n, each in enumerate(shown))
    tracked = list(track_shot(frames, MatteSegmenter(), FlowPropagator(), KeySchedule(every=4, rest=2)))
    merged = drawn({1: (150, 60), 2: (190, 55)})
    assert len(MatteSegmenter().segment(merged.frame, merged.matte).segments) == 1
    found = score(shown, tracked)
    assert (found.switches, found.spurious) == (0, 0)
    assert found.mean_overlap > 0.97


def test_a_shot_goes_on_where_it_was_parted() -> None:
    shown = film({1: [(60, 60)] * 8, 2: [None] * 4 + [(200, 60)] * 4})
    oracle = shuffling(shown)
    before = Known(shown[0].frame, np.where(shown[0].ids > 0, 7, 0).astype(np.uint8), highest=9)
    frames = ((n, each.frame, each.matte) for n, each in enumerate(shown) if n)
    tracked = list(track_shot(oracle.watching(frames), oracle, FlowPropagator(), known=before))
    assert keys(tracked) == [4]
    assert iou(tracked[0].ids == 7, shown[1].ids == 1) == 1
    assert np.unique(tracked[-1].ids).tolist() == [0, 7, 10]


class Room(FlowPropagator):
    """Fails where it is given more than it has room for, as networks do."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.starts, self.known = most, 0, set[int]()

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        self.starts += 1
        self.known = set()
        super().start(frame, ids, matte)

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        self.known |= {*np.unique(ids).tolist()} - {0}
        assert len(self.known) <= self.most
        super().add(frame, ids, matte)


@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize("matte", [True, False])
def test_those_whom_the_propagator_has_no_room_for_are_followed_by_motion(most: int, matte: bool) -> None:
    paths = {1: line((20, 55), (60, 55), 9), 2: line((130, 50), (170, 60), 9), 3: [(250, 55)] * 9}
    shown = film(paths)
    room = Room(most)
    oracle = shuffling(shown)
    frames = ((n, each.frame, each.matte if matte else None) for n, each in enumerate(shown))
    tracked = list(track_shot(oracle.watching(frames), oracle, room, KeySchedule(every=6)))
    assert len(room.known) == most
    found = score(shown, tracked)
    assert (found.switches, found.spurious, sum(found.missed.values())) == (0, 0, 0)
    assert min(found.overlap.values()) > (0.97 if matte else 0.8)


def test_places_go_from_those_who_left_to_those_who_come_and_ids_do_not() -> None:
    shown = film({1: [(30, 60)] * 4 + [None] * 16, 2: [None] * 8 + [(200, 60)] * 12, 3: [(120, 60)] * 20})
    room = Room(2)
    oracle = shuffling(shown)
    frames = ((n, each.frame, each.matte) for n, each in enumerate(shown))
    tracked = list(track_shot(oracle.watching(frames), oracle, room, KeySchedule(every=4, rest=2)))
    assert room.known == {*np.unique(tracked[-1].ids).tolist()} - {0} and room.starts == 2
    assert not room.known & ({*np.unique(tracked[0].ids).tolist()} - {*np.unique(tracked[7].ids).tolist()})
    assert score(shown, tracked).switches == 0
    first, last = tracked[0].ids[shown[0].ids == 1], tracked[-1].ids[shown[-1].ids == 2]
    assert {*first.tolist()} != {*last.tolist()} == {3}


def test_a_shot_that_goes_on_has_room_for_whom_it_brings_and_for_new_ones() -> None:
    """Ids are the clip's then, and higher than any network has places."""
    shown = film({1: [(30, 60)] * 8, 2: [(120, 60)] * 8, 3: [None] * 4 + [(220, 60)] * 4})
    oracle = shuffling(shown)
    before = Known(shown[0].frame, np.array([0, 70, 90], np.uint8)[shown[0].ids], highest=100)
    frames = ((n, each.frame, each.matte) for n, each in enumerate(shown) if n)
    tracked = list(track_shot(oracle.watching(frames), oracle, Room(1), known=before))
    assert np.unique(tracked[-1].ids).tolist() == [0, 70, 90, 101]


def test_where_all_ids_are_given_new_ones_share_one_and_are_counted() -> None:
    shown = film({1: [(30, 60)] * 3, 2: [(120, 60)] * 3, 3: [(220, 60)] * 3})
    oracle = shuffling(shown)
    before = Known(shown[0].frame, np.zeros_like(shown[0].ids), highest=OTHERS - 2)
    frames = ((n, each.frame, each.matte) for n, each in enumerate(shown))
    tracked = list(track_shot(oracle.watching(frames), oracle, Room(1), known=before))
    assert tracked[0].others == 2
    for one in tracked:
        assert np.unique(one.ids).tolist() == [0, OTHERS - 1, OTHERS]
        assert iou(one.ids > 0, shown[0].ids > 0) > 0.97


class Ghost:
    """Carries somebody whom nobody sees any more."""

    most = 255

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        self.ids = ids

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        return Followed(self.ids, 1.0)

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        self.ids = ids


class Once:
    """Sees something the first time only."""

    def __init__(self) -> None:
        self.asked = 0

    def segment(self, frame: Frame, matte: Matte | None) -> Found:
        self.asked += 1
        return found_of(drawn({1: (60, 60)}).ids * (self.asked == 1))


def test_nobody_is_carried_for_long_whom_key_frames_do_not_see() -> None:
    shown = drawn({}).frame
    tracked = list(
        track_shot(((n, shown, None) for n in range(9)), Once(), Ghost(), KeySchedule(every=2, rest=2))
    )
    there = [bool(each.ids.any()) for each in tracked]
    assert keys(tracked) == [0, 2, 4, 6, 8]
    assert there == [True] * 4 + [False] * 5


def test_nothing_is_kept_but_the_frame_before() -> None:
    alive: list[weakref.ref[NDArray[np.uint8]]] = []
    most = []

    def frames() -> Iterator[tuple[int, Frame, Matte | None]]:
        for index in range(40):
            shown = drawn({1: (40 + 2 * index, 60)})
            alive.append(weakref.ref(shown.frame))
            yield index, shown.frame, shown.matte

    for _ in track_shot(frames(), MatteSegmenter(), FlowPropagator(), KeySchedule(every=5)):
        most.append(sum(each() is not None for each in alive))
    assert max(most) <= 2


@pytest.mark.parametrize(("every", "rest"), [(0, 0), (4, 5), (3, 0)])
def test_schedules_that_make_no_sense(every: int, rest: int) -> None:
    with pytest.raises(InputError, match="key frames"):
        KeySchedule(every=every, rest=rest)
