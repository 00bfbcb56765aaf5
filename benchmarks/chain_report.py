"""The chain's quality as a record's content and as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.chain_scores import ShotScore
from benchmarks.hard_places import KINDS
from benchmarks.tables import markdown

HARD = {
    "enter": "pan with parallax, a character slides in with motion blur",
    "pair": "two characters overlap before a still background, petals fall over all",
    "spell": "glows, rays and sparks before a dark plate and over a dark-haired character",
}

ABOUT = """\
Films of the generator (`samples/`, seed 7, {frames} frames, {size}): as drawn (lossless), and as H.264
gives them back. Mattes, masks on key frames and the heat of effects (as coarse as CLIPSeg's, 352 pixels
a side) are the truth's own; holes are filled by {filled_by}. So what is measured is everything but the
networks: tracking by motion, plates, layers, and how they fit together. Every fresh frame counts.
Errors are levels of 255. How good real networks' mattes are is in [matte_quality.md](matte_quality.md)."""

PLATES = """\
PSNR against the true plate, as each frame shows it. *Visible*: where the background shows in that
frame; the clip itself, there, is as good as its codec left it. *Hidden*: behind characters and effects,
but seen in another frame, if only through light. *Never seen*: invented. *Flicker*: what changes from one
fresh frame to the next beyond what truly does, where the background shows."""

LAYERS = """\
*Recomposed*: all layers laid on the plate, against the clip. *Effect*: the effect layer laid on the
true layers below it, where there is effect; *without it*: the same without any; *spill*: where there is
none. *Alpha flicker*: what the characters' alpha changes beyond the truth's, where it is partial."""

HARD_PLACES = (
    "Error of the characters' layers in levels, of alpha and of the layer laid on green, where by the truth"
    " there are:\n\n"
    + "\n".join(f"- **{kind}**: {words}." for kind, words in KINDS.items())
    + "\n\nThe mattes that the chain was given are the truth's, so this is what the chain adds; what"
    " networks miss there is in [matte_quality.md](matte_quality.md). Below, for each kind the place that"
    " has most of it."
)

SHEET = "source, segments, tracks, characters, effects, plate and recomposition"

IDS = (
    "Masks are the truth's on key frames, every 24 fresh frames, and carried between them by motion alone."
)


NONE = "\N{EN DASH}"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Film:
    """What was measured of one film.

    Attributes:
        seconds: of each pass, on this machine, files included.
        hard: by kind of place, see `HardPlaces.content`.
    """

    art: str
    kind: str
    frames: int
    shots: list[ShotScore]
    seconds: dict[str, float]
    hard: dict[str, dict[str, float]]

    def content(self) -> dict[str, Any]:
        """For a record."""
        return {
            "art": self.art,
            "kind": self.kind,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "shots": [_shot(score) for score in self.shots],
            "hard": self.hard,
        }


def document(content: Mapping[str, Any]) -> str:
    """The whole page of a record."""
    films = content["films"]
    rows = [
        (f"{film['art']}, {film['kind']}, {shot['name']}", shot) for film in films for shot in film["shots"]
    ]
    parts = [
        "# Quality of the chain against ground truth",
        f"*Written by `{content['command']}`; don't edit. {content['date']}. {content['versions']}.*",
        ABOUT.format_map(content),
        "## What each shot is there for",
        "\n".join(f"- **{name}**: {words}." for name, words in HARD.items()),
        *("## Plates", _plates(rows), PLATES),
        *("## Layers", _layers(rows), LAYERS),
        *("## Where lines are hard", _hard(films), HARD_PLACES),
        *(_picture(art, "hard", "hard places: frame, truth, layer") for art in _arts(films)),
        *("## Ids", _ids(rows), IDS),
        "## What it takes",
        _seconds(films),
        *(_picture(art, "quality", SHEET) for art in _arts(films)),
    ]
    return "\n\n".join(parts) + "\n"


def _shot(score: ShotScore) -> dict[str, Any]:
    tracks = score.tracks
    assert tracks is not None, "stage 3 ran"
    decibels = {name: getattr(score, name).psnr_db for name in ("visible", "clip", "hidden", "never")}
    levels = {
        name: getattr(score, name).value
        for name in ("flicker", "source", "effect", "bare", "spill", "alpha_flicker")
    }
    return {
        "name": score.name,
        **{f"{name}_db": _plain(value) for name, value in decibels.items()},
        **{name: _plain(value) for name, value in levels.items()},
        "recomposed_db": _plain(score.middle_db),
        "recomposed_lowest_db": _plain(min(score.recomposed_db)),
        "switches": tracks.switches,
        "overlap": _plain(min(tracks.overlap.values(), default=1.0)),
        "missed": sum(tracks.missed.values()),
        "spurious": tracks.spurious,
    }


def _plain(value: float | None) -> float | str | None:
    """As JSON has it, which knows no infinity: that is of pictures without any error."""
    return "inf" if value == float("inf") else value if value is None else round(value, 6)


def _arts(films: list[Row]) -> list[str]:
    return list(dict.fromkeys(film["art"] for film in films))


def _picture(art: str, name: str, words: str) -> str:
    return f"![{art}, H.264: {words}](images/chain_{name}_{art}.jpg)"


def _hard(films: list[Row]) -> str:
    """Alpha's error and that of the layer on green, by kind."""
    table = [
        [
            f"{film['art']}, {film['kind']}",
            *(
                f"{film['hard'][kind]['alpha']:.2f} / {film['hard'][kind]['laid']:.2f}"
                if kind in film["hard"]
                else NONE
                for kind in KINDS
            ),
        ]
        for film in films
    ]
    return markdown(["film, alpha / layer on green", *KINDS], table)


def _seconds(films: list[Row]) -> str:
    """Seconds of each pass over the film, files included."""
    names = list(films[0]["seconds"])
    table = [
        [f"{film['art']}, {film['kind']}", *(f"{film['seconds'][name]:.1f}" for name in names)]
        for film in films
    ]
    return markdown(["film, seconds of a pass", *names], table)


def _plates(rows: list[tuple[str, Row]]) -> str:
    head = [
        "film, shot",
        "visible, dB",
        "the clip there",
        "hidden, dB",
        "never seen, dB",
        "flicker",
        "the clip's",
    ]
    names = ("visible_db", "clip_db", "hidden_db", "never_db")
    table = [
        [
            title,
            *(_number(shot[name], 1) for name in names),
            *(_number(shot[name], 2) for name in ("flicker", "source")),
        ]
        for title, shot in rows
    ]
    return markdown(head, table)


def _layers(rows: list[tuple[str, Row]]) -> str:
    head = [
        *("film, shot", "recomposed, median dB", "lowest dB"),
        *("effect", "without it", "spill", "alpha flicker"),
    ]
    table = [
        [
            title,
            *(_number(shot[name], 1) for name in ("recomposed_db", "recomposed_lowest_db")),
            *(_number(shot[name], 2) for name in ("effect", "bare", "spill", "alpha_flicker")),
        ]
        for title, shot in rows
    ]
    return markdown(head, table)


def _ids(rows: list[tuple[str, Row]]) -> str:
    head = ["film, shot", "id switches", "IoU, worst person", "frames missed", "ids of nobody"]
    table = [
        [title, str(shot["switches"]), f"{shot['overlap']:.3f}", str(shot["missed"]), str(shot["spurious"])]
        for title, shot in rows
    ]
    return markdown(head, table)


def _number(value: float | str | None, digits: int) -> str:
    return NONE if value is None else f"{float(value):.{digits}f}"
