"""What was measured of the chain goes through a record onto its page, and into the README's sentence."""

import json
from typing import Any

import pytest

from benchmarks.chain_report import Film, document
from benchmarks.chain_scores import Mean, Region, ShotScore
from benchmarks.figures import FIGURES
from trt_anime.calibration.metrics.tracks import TrackScore

FACTS = {"command": "me", "date": "today", "versions": "v", "size": "8x8", "frames": 2, "filled_by": "hand"}
TRACKS = TrackScore(
    overlap={1: 0.98765, 2: 0.9}, switches=2, missed={1: 3, 2: 1}, flicker={1: 0.0}, spurious=1
)


def film(art: str, visible: float) -> Film:
    """One shot. `visible`: mean squared error of its plate."""
    score = ShotScore(
        "enter",
        TRACKS,
        visible=Region(10 * visible, 10),
        clip=Region(0.0, 10),
        hidden=Region(650.25, 1000),
        flicker=Mean(5.0, 4),
        recomposed_db=[40.0, 42.0, 50.0],
    )
    hard = {"strands": {"alpha": 1.234, "laid": 5.678, "pixels": 9}}
    return Film(art, "h264", 2, [score], {"matte": 1.25}, hard)


@pytest.fixture
def content() -> dict[str, Any]:
    films = [film("sprites", 6.5025), film("procedural", 65.025)]
    whole = FACTS | {"films": [one.content() for one in films]}
    again: dict[str, Any] = json.loads(json.dumps(whole, allow_nan=False))
    return again


def test_each_figure_has_its_cell(content: dict[str, Any]) -> None:
    lines = document(content).splitlines()
    assert "*Written by `me`; don't edit. today. v.*" in lines
    # Nothing was wrong with the clip, and nothing was never seen.
    assert "| sprites, h264, enter | 40.0 | inf | 50.0 | – | 1.25 | – |" in lines  # noqa: RUF001
    assert "| sprites, h264, enter | 42.0 | 40.0 | – | – | – | – |" in lines  # noqa: RUF001
    assert "| sprites, h264, enter | 2 | 0.900 | 4 | 1 |" in lines
    assert "| procedural, h264 | 1.2 |" in lines
    assert "| procedural, h264 | 1.23 / 5.68 | – | – | – | – |" in lines  # noqa: RUF001


def test_the_readme_quotes_the_worst_of_all(content: dict[str, Any]) -> None:
    assert FIGURES["chain"](lambda name: content) == (
        "**4**; 42.0 to 42.0 dB; 40.0 dB and more where the background is one sheet (codec included),"
        " 30.0 with parallax"
    )
