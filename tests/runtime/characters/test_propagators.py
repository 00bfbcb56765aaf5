"""Each propagator on films whose truth is known; networks are stood in for by functions."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.runtime.characters.actors import Shown, drawn, film, iou, line
from trt_anime.runtime.characters.borders import bordered
from trt_anime.runtime.characters.motion import Motion, carried, grey_of, residue
from trt_anime.runtime.characters.numbering import Numbering
from trt_anime.runtime.characters.prompted import BoxMasks
from trt_anime.runtime.characters.propagation import Propagator, certainty
from trt_anime.runtime.characters.propagators.aot import AotPropagator
from trt_anime.runtime.characters.propagators.flow import FlowPropagator
from trt_anime.runtime.characters.propagators.sam import SamPropagator
from trt_anime.runtime.temporal.aot import Decoded, Propagated, Referred


def played(propagator: Propagator, shown: list[Shown], *, matte: bool) -> list[dict[int, float]]:
    """IoU by id in each frame after the first."""
    propagator.start(shown[0].frame, shown[0].ids, shown[0].matte)
    scores = []
    for each in shown[1:]:
        ids = propagator.step(each.frame, each.matte if matte else None).ids
        numbers = np.unique(each.ids)[1:].tolist()
        scores.append({number: iou(ids == number, each.ids == number) for number in numbers})
    return scores


@pytest.mark.parametrize("scale", [1, 4])
def test_flow_knows_where_everything_was(scale: int) -> None:
    before, now = drawn({1: (100, 40)}), drawn({1: (109, 46)})
    ids, frames = before.ids, [each.frame for each in (before, now)]
    if scale > 1:
        ids = ids.repeat(scale, axis=0).repeat(scale, axis=1)
        frames = [frame.repeat(scale, axis=0).repeat(scale, axis=1) for frame in frames]
    greys = [grey_of(frame) for frame in frames]
    flow = Motion().back(greys[1], greys[0])
    truth = now.ids.repeat(scale, axis=0).repeat(scale, axis=1)
    assert iou(carried(ids, flow) == 1, truth == 1) > 0.95
    size = greys[0].shape[::-1]
    both = np.minimum(before.ids, now.ids)
    inside = cv2.resize(both, size, interpolation=cv2.INTER_NEAREST) > 0
    assert residue(greys[1], greys[0], flow, inside) < 5 < residue(greys[1], greys[0], flow * 0, inside)


def test_who_goes_out_of_the_picture_is_gone() -> None:
    before, now = drawn({1: (260, 60)}), drawn({})
    flow = np.zeros((180, 320, 2), np.float32)
    flow[..., 0] = -200
    assert not carried(before.ids, flow).any()
    assert carried(now.ids, flow).shape == now.ids.shape


@pytest.mark.parametrize(("matte", "worst"), [(True, 0.99), (False, 0.75)])
def test_flow_follows_two_who_move(matte: bool, worst: float) -> None:
    shown = film({1: line((30, 40), (60, 50), 6), 2: line((250, 60), (220, 60), 6)})
    scores = played(FlowPropagator(), shown, matte=matte)
    assert min(min(score.values()) for score in scores) > worst


def test_flow_keeps_what_the_matte_had_lost_already_at_the_key_frame() -> None:
    shown = film({1: line((60, 60), (100, 60), 8)})
    lossy = [np.where(np.arange(180)[:, None] < 140, each.matte, 0).astype(np.uint8) for each in shown]
    propagator = FlowPropagator()
    propagator.start(shown[0].frame, shown[0].ids, lossy[0])
    found = [
        propagator.step(each.frame, matte).ids for each, matte in zip(shown[1:], lossy[1:], strict=True)
    ]
    last, truth = np.asarray(found[-1] == 1), np.asarray(shown[-1].ids == 1)
    assert iou(last, truth) > 0.8 and found[-1][150:].any()
    propagator.start(shown[0].frame, shown[0].ids, shown[0].matte)
    assert not propagator.step(shown[1].frame, lossy[1]).ids[140:].any()


def test_a_border_moves_to_where_the_picture_changes() -> None:
    shown = drawn({1: (80, 60), 2: (112, 60)})
    shifted = np.where(np.roll(shown.ids, 2, axis=1) == 2, 2, 1).astype(np.uint8) * (shown.ids > 0)
    shifted[150:154, 90:94] = 2  # a crumb
    before = iou(shifted == 2, shown.ids == 2)
    found = bordered(shown.frame, shifted)
    assert np.array_equal(found > 0, shown.ids > 0)
    assert before < 0.96 and iou(found == 2, shown.ids == 2) > 0.98
    assert (found[150:154, 90:94] == 1).all()
    alone = drawn({1: (80, 60)})
    assert bordered(alone.frame, alone.ids) is alone.ids


class Sam:
    """Knows the truth of the frame that it sees; is wild where asked for those in `wild`."""

    def __init__(self, shown: list[Shown], wild: Sequence[int] = ()) -> None:
        self.shown, self.wild, self.now = shown, wild, shown[0]

    def image(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        self.now = next(each for each in self.shown if np.array_equal(each.frame, inputs["frame"][0]))
        return {"embedding": np.zeros(1, np.float32)}

    def mask(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        (box,) = inputs["boxes"][0].round().astype(int)
        inside = self.now.ids[box[1] : box[3], box[0] : box[2]]
        number = int(np.bincount(inside[inside > 0], minlength=2).argmax())
        mask = self.now.ids == number
        if number in self.wild:
            mask = np.ones_like(mask)
        return {
            "mask": np.where(mask, 255, 0).astype(np.uint8)[None, None],
            "quality": np.ones((1, 1), np.float32),
        }


@pytest.mark.parametrize("wild", [(), (2,)])
def test_sam_draws_anew_and_motion_decides_where_it_is_wild(wild: tuple[int, ...]) -> None:
    shown = film({1: line((30, 40), (60, 50), 6), 2: line((250, 60), (220, 60), 6)})
    sam = Sam(shown, wild)
    scores = played(SamPropagator(BoxMasks(sam.image, sam.mask)), shown, matte=False)
    for score in scores:
        assert score[1] == 1
        assert 0.5 < score[2] < 1 if wild else score[2] == 1  # of the whole frame, he has 0.07


def test_numbers_without_a_gap_for_ids_with_gaps() -> None:
    numbering = Numbering()
    ids = np.array([[0, 7, 3]], np.uint8)
    assert numbering.numbered(ids).tolist() == [[0, 2, 1]]
    assert numbering.numbered(np.array([[1, 7, 0]], np.uint8)).tolist() == [[3, 2, 0]]
    assert numbering.ids_of(np.array([[0, 1, 2, 3]], np.uint8)).tolist() == [[0, 3, 7, 1]]
    assert len(numbering) == 3


def test_as_sure_as_of_the_least_sure_who_is_seen() -> None:
    probability = np.zeros((3, 4, 4), np.float32)
    probability[0, :2], probability[1, 2] = 0.9, 0.7
    assert certainty(probability) == pytest.approx(0.7)
    assert certainty(np.zeros((1, 2, 2), np.float32)) == 1


class Network:
    """As AOT's graphs: finds objects by the mean colour that they had when they were drawn."""

    slots, objects, passes = 4, 3, 1

    def __init__(self) -> None:
        self.colours: dict[int, NDArray[np.float32]] = {}
        self.log: list[str] = []

    def encode(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return frame

    def refer(
        self,
        features: NDArray[np.uint8],
        drawn: NDArray[np.uint8],
        labels: NDArray[np.uint8] | None,
        first: int,
    ) -> Referred:
        self.log.append("refer")
        for number in np.unique(drawn)[1:].tolist():
            self.colours[number] = features[drawn == number].mean(axis=0)
        return Referred(features, None, drawn if labels is None else np.where(drawn > 0, drawn, labels))

    def propagate(self, features: Any, long: Any, valid: Sequence[bool], short: Any) -> Propagated:
        return Propagated(features, features)

    def decode(self, features: NDArray[np.uint8], decoder_input: Any, count: int) -> Decoded:
        gaps = [np.abs(features - self.colours[n]).sum(axis=-1) for n in range(1, count + 1)]
        labels = np.where(np.min(gaps, axis=0) < 130, np.argmin(gaps, axis=0) + 1, 0).astype(np.uint8)
        planes = [np.where(labels == n, 0.8, 0.0) for n in range(11)]
        return Decoded(np.stack(planes, axis=1).astype(np.float32), labels)

    def memorise(self, pending: Any, labels: NDArray[np.uint8], first: int) -> Any:
        self.log.append("memorise")
        return labels

    def merge(self, passes: Sequence[Decoded]) -> Decoded:
        raise AssertionError

    def new_memory(self) -> list[Any]:
        return [None] * self.slots

    def store(self, long: list[Any], slot: int, memory: Any) -> None:
        long[slot] = memory


def test_aot_follows_ids_of_any_kind_and_takes_new_ones() -> None:
    shown = film({1: line((30, 60), (90, 60), 6), 2: line((200, 60), (150, 60), 6)})
    network = Network()
    propagator = AotPropagator(network)
    assert propagator.most == 3
    table = np.zeros(256, np.uint8)
    table[1], table[2] = 9, 4
    propagator.start(shown[0].frame, np.where(shown[0].ids == 1, 9, 0).astype(np.uint8))
    first = propagator.step(shown[1].frame, None)
    assert iou(first.ids == 9, shown[1].ids == 1) > 0.8 and not (first.ids == 4).any()
    assert first.sure == pytest.approx(0.8)
    propagator.add(shown[1].frame, table[shown[1].ids])
    for each in shown[2:]:
        ids = propagator.step(each.frame, None).ids
        assert iou(ids == 9, each.ids == 1) > 0.8 and iou(ids == 4, each.ids == 2) > 0.8
    # A frame that was given is not remembered a second time as it was found.
    assert network.log == ["refer", "refer", "memorise", "memorise", "memorise"]
