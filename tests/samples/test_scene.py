"""What `samples.scene` promises: exact layers, the same bytes every time, true held frames and shots."""

import hashlib
import subprocess
import sys

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from samples.compose import compose, quantise
from samples.scene import GroundTruth, Scene, SceneOptions
from samples.storyboard import Art
from trt_anime.errors import InputError

FRAMES = (0, 4, 30, 44, 49, 60, 70, 92)


def recomposed(truth: GroundTruth) -> npt.NDArray[np.float64]:
    """The documented formula, written out once more in float64: [H, W, 3] 0..1."""
    alpha = truth.alpha.astype(np.float64)[..., None]
    picture = truth.foreground * alpha + truth.plate / 255.0 * (1 - alpha)
    keep = 1 - truth.effect[..., 3:].astype(np.float64) if truth.effect_kind == "over" else 1.0
    return np.clip(picture * keep + truth.effect[..., :3], 0, 1)


def digest(truth: GroundTruth) -> str:
    arrays = (truth.frame, truth.alpha, truth.foreground, truth.instance, truth.plate, truth.effect)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


@pytest.mark.parametrize("index", FRAMES)
def test_layers_recompose_to_the_frame(film: Scene, index: int) -> None:
    truth = film.render(index)
    error = np.abs(recomposed(truth) - truth.frame / 255.0)
    assert error.max() <= 0.5 / 255 + 1e-6
    again = quantise(compose(truth.plate, truth.alpha, truth.foreground, truth.effect, truth.effect_kind))
    assert np.array_equal(again, truth.frame)


@pytest.mark.parametrize("size", [(64, 48), (101, 57), (90, 160)])
def test_any_size_gives_arrays_as_documented(size: tuple[int, int]) -> None:
    width, height = size
    scene = Scene(SceneOptions(width=width, height=height, frames=9))
    for index in range(9):
        truth = scene.render(index)
        assert truth.index == index
        for array, dtype, shape in (
            (truth.frame, np.uint8, (height, width, 3)),
            (truth.alpha, np.float32, (height, width)),
            (truth.foreground, np.float32, (height, width, 3)),
            (truth.instance, np.uint8, (height, width)),
            (truth.plate, np.uint8, (height, width, 3)),
            (truth.effect, np.float32, (height, width, 4)),
        ):
            assert array.dtype == dtype
            assert array.shape == shape
            assert not array.flags.writeable
        for array in (truth.alpha, truth.foreground, truth.effect):
            assert array.min() >= 0
            assert array.max() <= 1
        assert np.abs(recomposed(truth) - truth.frame / 255.0).max() <= 0.5 / 255 + 1e-6


def test_instances_lie_where_alpha_is_solid(film: Scene) -> None:
    for index in FRAMES:
        truth = film.render(index)
        assert np.all(truth.alpha[truth.instance > 0] >= 0.5 - 1e-6)
        assert np.all(truth.instance[truth.alpha < 0.25] == 0)
        assert np.all(truth.foreground[truth.alpha == 0] == 0)


def test_two_characters_overlap_in_the_pair_shot(film: Scene) -> None:
    seen = set(np.unique(film.render(44).instance))
    assert seen == {0, 1, 3}


def test_effects_have_their_kinds(film: Scene) -> None:
    none, over, additive = (film.render(index) for index in (20, 50, 92))
    assert not none.effect.any()
    assert over.effect_kind == "over"
    assert np.all(over.effect[..., :3] <= over.effect[..., 3:] + 1 / 255)
    assert additive.effect_kind == "additive"
    assert np.array_equal(additive.effect[..., 3], additive.effect[..., :3].max(axis=2))
    covered = additive.effect[..., 3] > 0.02
    assert (covered & (additive.alpha > 0.9)).sum() > 500, "the glow must lie in front of the character"


def test_held_frames_repeat_and_all_others_differ() -> None:
    film = Scene(SceneOptions(width=160, height=90, frames=48))
    first_with: dict[str, int] = {}
    for index in range(film.frame_count):
        frame = hashlib.sha256(film.render(index).frame.tobytes()).hexdigest()
        assert film.held[index] == first_with.setdefault(frame, index)
    repeats = sum(original != index for index, original in enumerate(film.held))
    assert repeats >= 10


def test_a_held_frame_repeats_every_layer(film: Scene) -> None:
    index = next(k for k, original in enumerate(film.held) if original != k)
    assert digest(film.render(index)) == digest(film.render(film.held[index]))


def test_shots_tile_the_film_and_cut_between(film: Scene) -> None:
    assert [shot.name for shot in film.shots] == ["enter", "pair", "spell"]
    assert film.shots[0].first == 0
    assert film.shots[-1].last == film.frame_count - 1
    plates = {
        index: film.render(index).plate.astype(float)
        for shot in film.shots
        for index in (shot.first, shot.last)
    }
    for before, after in zip(film.shots, film.shots[1:], strict=False):
        assert after.first == before.last + 1
        within = np.abs(plates[after.first] - plates[after.last]).mean()
        across = np.abs(plates[before.last] - plates[after.first]).mean()
        assert across > 15
        assert across > 1.5 * within


@pytest.mark.parametrize(("frames", "shots"), [(1, 1), (2, 1), (5, 2), (24, 3), (96, 3), (200, 6)])
def test_films_of_any_length(frames: int, shots: int) -> None:
    scene = Scene(SceneOptions(width=32, height=18, frames=frames))
    assert scene.frame_count == frames == len(scene.held)
    assert len(scene.shots) == shots
    assert sum(shot.frame_count for shot in scene.shots) == frames
    scene.render(frames - 1)


def test_the_same_options_give_the_same_bytes_in_another_process() -> None:
    here = Scene(SceneOptions(width=160, height=90, seed=3, frames=30))
    code = (
        "from samples.scene import Scene, SceneOptions\n"
        "from tests.samples.test_scene import digest\n"
        "scene = Scene(SceneOptions(width=160, height=90, seed=3, frames=30))\n"
        "print(*(digest(scene.render(index)) for index in (25, 3, 14)))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.split() == [digest(here.render(index)) for index in (25, 3, 14)]


def test_another_seed_is_another_film() -> None:
    one, other = (Scene(SceneOptions(width=64, height=48, seed=seed)).render(30) for seed in (1, 2))
    assert not np.array_equal(one.frame, other.frame)


@pytest.mark.parametrize("index", [30, 44, 92])
def test_two_sizes_show_the_same_truth(film: Scene, index: int) -> None:
    small = film.render(index)
    large = Scene(SceneOptions(width=640, height=360)).render(index)
    for name, bound, one, two in (
        ("alpha", 0.008, large.alpha, small.alpha),
        (
            "character",
            0.01,
            large.foreground * large.alpha[..., None],
            small.foreground * small.alpha[..., None],
        ),
        ("effect", 0.012, large.effect, small.effect),
        ("plate", 0.03, large.plate / np.float32(255), small.plate / np.float32(255)),
    ):
        halved = cv2.resize(one, (320, 180), interpolation=cv2.INTER_AREA)
        assert np.abs(halved - two).mean() < bound, name


@pytest.mark.parametrize(
    "wrong",
    [{"width": 4}, {"height": 10_000}, {"frames": 0}, {"seed": -1}, {"art": "crayon"}],
)
def test_options_that_make_no_film_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError):
        SceneOptions(**wrong)  # type: ignore[arg-type]


def test_a_frame_outside_the_film_is_refused(film: Scene) -> None:
    for index in (-1, film.frame_count):
        with pytest.raises(InputError, match="no frame"):
            film.render(index)


@pytest.mark.usefixtures("fetched_art")
def test_sprites_keep_the_same_promises() -> None:
    art: Art = "sprites"
    scene = Scene(SceneOptions(width=320, height=180, art=art))
    for index in (4, 30, 49, 92):
        truth = scene.render(index)
        assert np.abs(recomposed(truth) - truth.frame / 255.0).max() <= 0.5 / 255 + 1e-6
        assert truth.alpha.mean() > 0.1
    assert set(np.unique(scene.render(49).instance)) == {0, 1, 3}
    hashes = [hashlib.sha256(scene.render(k).frame.tobytes()).hexdigest() for k in range(36, 68)]
    held = [index - 36 for index in scene.held[36:68]]
    assert [hashes.index(value) for value in hashes] == held
