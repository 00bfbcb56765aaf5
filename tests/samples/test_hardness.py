"""The clip is a measuring stick: these hold it to being difficult."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from samples.scene import GroundTruth, Scene, SceneOptions
from samples.storyboard import Art

SHOTS = {"enter": 30, "pair": 60, "spell": 90}


@dataclass(frozen=True)
class Hardness:
    """Shares of the frame or of the character's edge, 0..1; `thin` in pixels."""

    partial: float
    sheer: float
    thin: int
    similar: float


def hardness(truth: GroundTruth) -> Hardness:
    """partial: between 0 and 1. sheer: about half. thin: under 3 px. similar: edge coloured like plate."""
    alpha = truth.alpha
    shape = (alpha > 0.25).astype(np.uint8)
    opened = cv2.morphologyEx(shape, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    edge = cv2.dilate(((alpha > 0.05) & (alpha < 0.95)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    inner = edge & (alpha > 0.5)
    distance = np.abs(truth.foreground - truth.plate / 255.0).max(axis=2)
    return Hardness(
        partial=float(((alpha > 0.004) & (alpha < 0.996)).mean()),
        sheer=float(((alpha > 0.25) & (alpha < 0.75)).mean()),
        thin=int((shape - opened).sum()),
        similar=float((distance[inner] < 0.15).mean()),
    )


def check(art: Art) -> None:
    scene = Scene(SceneOptions(width=640, height=360, art=art))
    found = {name: hardness(scene.render(index)) for name, index in SHOTS.items()}
    for measured in found.values():
        assert measured.partial > 0.01
        assert measured.sheer > 0.004
        assert measured.thin > 250
    assert sum(measured.similar > 0.05 for measured in found.values()) >= 2
    blurred = hardness(scene.render(4))
    assert blurred.partial > 0.05, "the slide must be motion-blurred"


def test_procedural_film_is_hard() -> None:
    check("procedural")


@pytest.mark.usefixtures("fetched_art")
def test_sprites_film_is_hard() -> None:
    check("sprites")


def test_the_camera_pans_while_the_character_holds() -> None:
    scene = Scene(SceneOptions(width=640, height=360))
    before, after = scene.render(16), scene.render(17)
    assert np.array_equal(before.alpha, after.alpha)
    assert np.abs(before.plate.astype(float) - after.plate).mean() > 2
