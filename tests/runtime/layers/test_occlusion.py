import cv2
import numpy as np
from numpy.typing import NDArray

from samples.scene import Scene
from trt_anime.runtime.layers.occlusion import occlusion_votes, order_of

Mask = NDArray[np.bool_]
HEIGHT, WIDTH = 270, 480


def figure(random: np.random.Generator) -> Mask:
    """Head, body, two arms, cut off by the lower border, with an outline that wavers."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    middle, scale, top = (
        int(random.integers(120, 360)),
        random.uniform(0.6, 1.2),
        int(random.integers(20, 90)),
    )
    cv2.ellipse(mask, (middle, int(top + 40 * scale)), (int(30 * scale), int(38 * scale)), 0, 0, 360, 1, -1)
    half, waist = int(45 * scale * random.uniform(0.8, 1.2)), int(top + 80 * scale)
    left, right = (int(half * random.uniform(0.7, 1.6)) for _ in range(2))
    corners = [(-half, waist), (half, waist), (right, HEIGHT + 5), (-left, HEIGHT + 5)]
    cv2.fillPoly(mask, [np.array([(middle + x, y) for x, y in corners], np.int32)], 1)
    for side in (-half, half):
        turn, start = random.uniform(0, 2 * np.pi), (middle + side, waist + 8)
        end = int(start[0] + 90 * scale * np.cos(turn)), int(start[1] + 90 * scale * np.sin(turn))
        cv2.line(mask, start, end, 1, int(16 * scale))
    waver = cv2.GaussianBlur(random.normal(0, 1, mask.shape).astype(np.float32), (0, 0), 3)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2) + 0.12 * waver / waver.std()
    return np.asarray(soft > 0.5)


def overlapping(random: np.random.Generator) -> tuple[Mask, Mask]:
    while True:
        first, second = figure(random), figure(random)
        share = (first & second).sum() / min(first.sum(), second.sum())
        if 0.03 < share < 0.6:
            return first, second


def test_the_front_figure_is_found_in_single_frames() -> None:
    random, right = np.random.default_rng(1), 0
    for _ in range(60):
        back, front = overlapping(random)
        ids = np.where(front, 7, np.where(back, 4, 0)).astype(np.uint8)
        right += order_of([occlusion_votes(ids)], (7, 4)) == (4, 7)
    assert right / 60 > 0.8


def test_swapping_who_is_who_swaps_the_vote() -> None:
    back, front = overlapping(np.random.default_rng(5))
    ids = np.where(front, 2, np.where(back, 1, 0)).astype(np.uint8)
    votes, swapped = occlusion_votes(ids), occlusion_votes(np.array([0, 2, 1], np.uint8)[ids])
    assert votes[1, 2] < 0 and swapped[1, 2] > 0
    assert np.isclose(votes[1, 2], -swapped[1, 2])


def test_the_order_of_the_drawn_shot_is_found(film: Scene) -> None:
    votes = [occlusion_votes(film.render(index).instance) for index in (46, 58)]
    assert order_of(votes, (1, 3)) == (3, 1)


def test_a_frame_that_errs_does_not_turn_the_shot() -> None:
    assert order_of([{(1, 2): 2.0}, {(1, 2): -0.5}, {(1, 2): 1.0}], (1, 2)) == (2, 1)


def test_three_are_ordered_by_how_many_each_one_covers() -> None:
    assert order_of([{(1, 2): 1.0, (1, 3): 1.0, (2, 3): -1.0}], (1, 2, 3)) == (2, 3, 1)


def test_without_contact_the_smaller_id_is_behind() -> None:
    ids = np.zeros((HEIGHT, WIDTH), np.uint8)
    ids[50:, 50:100], ids[50:, 300:350] = 2, 1
    assert occlusion_votes(ids) == {}
    assert order_of([occlusion_votes(ids)], (2, 1)) == (1, 2)
    assert occlusion_votes(np.zeros_like(ids)) == {}
