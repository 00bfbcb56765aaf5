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


def report(films: "Sequence[Film]", *, size: str, filled_by: str, date: str, versions: str) -> str:
    """The whole document."""
    rows = [(film.art, shot) for film in films for shot in film.shots]
    parts = [
        "# Quality of the chain against ground truth",
        f"*Written by `python -m benchmarks.chain_quality`; don't edit. {date}. {versions}.*",
        f"Films of the generator (`samples/`, seed 7, {films[0].frames} frames, {size}, H.264). Mattes, masks on"
        f" key frames and the heat of effects (as coarse as CLIPSeg's, 352 pixels a side) are the truth's own;"
        f" holes are filled by {filled_by}. So what is measured is everything but the networks: tracking by"
        " motion, plates, layers, and how they fit together. Every fresh frame counts. Errors are levels of"
        " 255. How good the mattes of real networks are is in [matte_quality.md](matte_quality.md).",
        "## What each shot is there for",
        "\n".join(f"- **{name}**: {words}." for name, words in HARD.items()),
        "## Plates",
        _plates(rows),
        "PSNR against the true plate. *Visible*: where the background shows in that frame, which is as good as"
        " the codec left it. *Hidden*: behind characters and effects, but seen in another frame. *Never seen*:"
        " invented. *Flicker*: what changes from one fresh frame to the next beyond what truly does, where the"
        " background shows; the clip's own is the codec's noise.",
        "## Layers",
        _layers(rows),
        "*Recomposed*: all layers laid on the plate, against the clip. *Effect*: the effect layer laid on the"
        " true layers below it, where there is effect; *without it*: the same without any; *spill*: where there"
        " is none. *Alpha flicker*: what the characters' alpha changes beyond the truth's, where it is partial.",
        "## Ids",
        _ids(rows),
        "Masks are the truth's on key frames, every 24 fresh frames, and carried between them by motion alone.",
        *(
            f"![{film.art}: source, segments, tracks, characters, effects, plate and recomposition of each shot]"
            f"(images/chain_quality_{film.art}.jpg)"
            for film in films
        ),
    ]
    return "\n\n".join(parts) + "\n"


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
