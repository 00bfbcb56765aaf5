"""The chain's quality as Markdown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.chain_scores import ShotScore
from benchmarks.tables import markdown

if TYPE_CHECKING:
    from benchmarks.chain_quality import Film

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
but seen in another frame. *Never seen*: invented. *Flicker*: what changes from one fresh frame to the
next beyond what truly does, where the background shows."""

LAYERS = """\
*Recomposed*: all layers laid on the plate, against the clip. *Effect*: the effect layer laid on the
true layers below it, where there is effect; *without it*: the same without any; *spill*: where there is
none. *Alpha flicker*: what the characters' alpha changes beyond the truth's, where it is partial."""

IDS = (
    "Masks are the truth's on key frames, every 24 fresh frames, and carried between them by motion alone."
)


def report(films: "Sequence[Film]", *, size: str, filled_by: str, date: str, versions: str) -> str:
    """The whole document."""
    rows = [(f"{film.art}, {film.kind}", shot) for film in films for shot in film.shots]
    parts = [
        "# Quality of the chain against ground truth",
        f"*Written by `python -m benchmarks.chain_quality`; don't edit. {date}. {versions}.*",
        ABOUT.format(frames=films[0].frames, size=size, filled_by=filled_by),
        "## What each shot is there for",
        "\n".join(f"- **{name}**: {words}." for name, words in HARD.items()),
        *("## Plates", _plates(rows), PLATES),
        *("## Layers", _layers(rows), LAYERS),
        *("## Ids", _ids(rows), IDS),
        "## What it takes",
        _seconds(films),
        *(_picture(art) for art in dict.fromkeys(film.art for film in films)),
    ]
    return "\n\n".join(parts) + "\n"


def _picture(art: str) -> str:
    words = f"{art}, H.264: source, segments, tracks, characters, effects, plate and recomposition"
    return f"![{words}](images/chain_quality_{art}.jpg)"


def _seconds(films: "Sequence[Film]") -> str:
    """Seconds of each pass over the film, files included."""
    names = list(films[0].seconds)
    table = [
        [f"{film.art}, {film.kind}", *(f"{film.seconds[name]:.1f}" for name in names)] for film in films
    ]
    return markdown(["film, seconds of a pass", *names], table)


def _plates(rows: list[tuple[str, ShotScore]]) -> str:
    head = [
        "film, shot",
        "visible, dB",
        "the clip there",
        "hidden, dB",
        "never seen, dB",
        "flicker",
        "the clip's",
    ]
    table = [
        [
            f"{art}, {shot.name}",
            *(_number(part.psnr_db, 1) for part in (shot.visible, shot.clip, shot.hidden, shot.never)),
            *(_number(mean.value, 2) for mean in (shot.flicker, shot.source)),
        ]
        for art, shot in rows
    ]
    return markdown(head, table)


def _layers(rows: list[tuple[str, ShotScore]]) -> str:
    head = [
        *("film, shot", "recomposed, median dB", "lowest dB"),
        *("effect", "without it", "spill", "alpha flicker"),
    ]
    table = [
        [
            f"{art}, {shot.name}",
            f"{shot.middle_db:.1f}",
            f"{min(shot.recomposed_db):.1f}",
            *(_number(mean.value, 2) for mean in (shot.effect, shot.bare, shot.spill, shot.alpha_flicker)),
        ]
        for art, shot in rows
    ]
    return markdown(head, table)


def _ids(rows: list[tuple[str, ShotScore]]) -> str:
    head = ["film, shot", "id switches", "IoU, worst person", "frames missed", "ids of nobody"]
    table = []
    for art, shot in rows:
        tracks = shot.tracks
        assert tracks is not None, "stage 3 ran"
        worst = min(tracks.overlap.values(), default=1.0)
        missed = sum(tracks.missed.values())
        table.append(
            [
                f"{art}, {shot.name}",
                *(str(tracks.switches), f"{worst:.3f}", str(missed), str(tracks.spurious)),
            ]
        )
    return markdown(head, table)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"  # noqa: RUF001
