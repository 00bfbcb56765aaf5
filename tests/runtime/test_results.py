"""What passes leave in an output folder comes back as it went in, and damage is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trt_anime.errors import InputError
from trt_anime.runtime.results.layers import (
    LayerFolder,
    Layers,
    Track,
    read_layers,
    read_tracks,
    write_layers,
    write_tracks,
)
from trt_anime.runtime.results.places import frame_name, frames_in
from trt_anime.runtime.results.planes import read_plane, read_rgba, write_frame
from trt_anime.runtime.results.shots import Shot, read_shots, write_shots

SHOT = Shot(2, 10, 18, (10, 12, 15), continues=True)


def test_shots_come_back(tmp_path: Path) -> None:
    shots = (Shot(1, 0, 10, tuple(range(10))), SHOT)
    write_shots(tmp_path, shots)
    assert read_shots(tmp_path) == shots


def test_a_held_frame_shows_the_fresh_one_before_it() -> None:
    assert [SHOT.drawn_at(index) for index in range(10, 18)] == [10, 10, 12, 12, 12, 15, 15, 15]


def test_a_fresh_frame_is_shown_until_the_next_or_the_cut() -> None:
    assert [list(SHOT.shown_at(fresh)) for fresh in SHOT.fresh] == [[10, 11], [12, 13, 14], [15, 16, 17]]


@pytest.mark.parametrize("damage", ["", "{", '{"shots": [{}]}', '{"shots": 3}', "[]"])
def test_damaged_shots_are_named(tmp_path: Path, damage: str) -> None:
    (tmp_path / "shots.json").write_text(damage)
    with pytest.raises(InputError, match=r"shots\.json: is damaged"):
        read_shots(tmp_path)


def test_a_folder_without_a_run_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="trt-anime process"):
        read_shots(tmp_path)


def test_characters_lie_in_each_shot_as_its_order_says(tmp_path: Path) -> None:
    background, glow = LayerFolder("background", "2c", "p"), LayerFolder("effect_glow", "2b", "e", "add")
    one, two = (LayerFolder(f"character_0{n}", "2a", f"c{n}", character=n) for n in (1, 2))
    layers = Layers((background, one, two, glow), {1: (2, 1)}, {2: {"effect_glow": "over"}})
    write_layers(tmp_path, layers)
    assert read_layers(tmp_path) == layers
    assert layers.in_shot(1) == (background, two, one, glow)
    assert layers.in_shot(2) == (background, one, two, replace(glow, blend="over"))


def test_tracks_come_back(tmp_path: Path) -> None:
    tracks = (Track(3, "character", (1, 4), 20, 2, 90, {1: 1.0, 4: 0.8}),)
    write_tracks(tmp_path, tracks)
    assert read_tracks(tmp_path) == tracks


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_planes_come_back_to_the_bit(tmp_path: Path, dtype: type) -> None:
    plane = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (7, 9), dtype)
    write_frame(tmp_path, [3, 4], plane)
    assert frames_in(tmp_path) == [3, 4]
    for index in (3, 4):
        assert np.array_equal(read_plane(tmp_path / frame_name(index)), plane)


def test_pictures_come_back_to_the_bit(tmp_path: Path) -> None:
    rgba = np.random.default_rng(2).integers(0, 256, (7, 9, 4), np.uint8)
    write_frame(tmp_path / "rgba", [0], rgba)
    write_frame(tmp_path / "rgb", [0], rgba[..., :3])
    assert np.array_equal(read_rgba(tmp_path / "rgba" / frame_name(0)), rgba)
    opaque = read_rgba(tmp_path / "rgb" / frame_name(0))
    assert np.array_equal(opaque[..., :3], rgba[..., :3])
    assert (opaque[..., 3] == 255).all()


def test_writing_a_frame_again_changes_only_that_frame(tmp_path: Path) -> None:
    """Frames that repeat share a file; a later write must not reach through to the others."""
    old, new = np.full((4, 4), 1, np.uint8), np.full((4, 4), 2, np.uint8)
    write_frame(tmp_path, [0, 1], old)
    write_frame(tmp_path, [0], new)
    assert np.array_equal(read_plane(tmp_path / frame_name(1)), old)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / frame_name(0)
    path.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"frame_000000\.png: is damaged"):
        read_plane(path)
