"""Matte quality as Markdown, and whether the refinement won."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from benchmarks.quality_frames import Case
from benchmarks.quality_mattes import ORACLE
from benchmarks.quality_scores import EDGE_RADIUS, Pair, Score, mean_pair
from benchmarks.tables import change, markdown

METRICS = {
    "sad": "SAD, thousands",
    "mse": "MSE, thousandths",
    "gradient": "gradient, thousands",
    "connectivity": "connectivity, thousands",
    "edge": f"alpha error within {EDGE_RADIUS} px of the edge, levels",
    "composite": "composite on flat colours, levels",
}
FLICKER = "flicker (dtSSD), levels a frame"
COLOUR = "refined alpha: frame's colour → estimated colour, levels"


@dataclass(frozen=True)
class Quality:
    """What was measured. `pairs`: by model and case, the mean over frames; `flickers`: by model and art,
    without and with the refinement."""

    frames: int
    sequence: int
    pairs: dict[tuple[str, Case], Pair]
    flickers: dict[tuple[str, str], tuple[float, float]]

    def content(self) -> dict[str, Any]:
        """For a record."""
        return {
            "frames": self.frames,
            "sequence": self.sequence,
            "pairs": [
                {"model": model, **asdict(case), **_rounded(pair)}
                for (model, case), pair in self.pairs.items()
            ],
            "flickers": [
                {"model": model, "art": art, "without": round(without, 6), "refined": round(refined, 6)}
                for (model, art), (without, refined) in self.flickers.items()
            ],
        }

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Out of a record."""
        pairs = {
            (row["model"], Case(row["art"], row["size"])): Pair(
                Score(**row["without"]), Score(**row["refined"])
            )
            for row in content["pairs"]
        }
        flickers = {
            (row["model"], row["art"]): (row["without"], row["refined"]) for row in content["flickers"]
        }
        return cls(content["frames"], content["sequence"], pairs, flickers)


def document(content: Mapping[str, Any]) -> str:
    """The whole page of a record."""
    quality = Quality.of(content)
    lost = losses(quality)
    verdict = (
        "On average over the films the refinement makes no error larger."
        if not lost
        else "The refinement loses on average here: " + "; ".join(lost) + "."
    )
    single = _lost_films(quality)
    if single:
        verdict += f" In single films it does, by the last table: {'; '.join(single)}."
    parts = [
        "# Matte quality against ground truth",
        f"*Written by `{content['command']}`; don't edit. {content['date']}. {content['versions']}.*",
        _introduction(quality),
        verdict,
        "## Averages: without → with refinement",
        _averages(quality),
        _reading(),
        "![The same edges from the frame, the truth, the enlarged map and the refined layer]"
        "(images/matte_edges.png)",
        "Rows: u2netp, u2net and modnet on the painted characters, u2netp and u2net on the drawn ones, at"
        " 1080p. Of each frame the window with the most parts under 3 pixels wide is shown, out of those"
        " that are about half character and where the network found it; nothing is picked by hand.",
        "## Film by film",
        _details(quality),
    ]
    return "\n\n".join(parts) + "\n"


def losses(quality: Quality) -> list[str]:
    """Where the refined layer is worse on average over all films, in words."""
    found = []
    for model in _models(quality):
        for title, (without, refined) in summary(quality, model).items():
            if refined > without:
                found.append(f"{model}, {title}: {without:.3f} → {refined:.3f}")
    return found


def _lost_films(quality: Quality) -> list[str]:
    """Network and film where some error rises, as far as the table shows."""
    return [
        f"{model}, {case.art} {case.size}"
        for (model, case), pair in quality.pairs.items()
        if any(
            round(getattr(pair.refined, name), 2) > round(getattr(pair.without, name), 2)
            for name in METRICS
        )
    ]


def _models(quality: Quality) -> list[str]:
    return list(dict.fromkeys(model for model, _ in quality.pairs))


def summary(quality: Quality, model: str) -> dict[str, tuple[float, float]]:
    """(without, with) for every metric, mean over all films."""
    pair = mean_pair([pair for (name, _), pair in quality.pairs.items() if name == model])
    values = {
        title: (getattr(pair.without, name), getattr(pair.refined, name)) for name, title in METRICS.items()
    }
    values[COLOUR] = (pair.refined.frame_colour, pair.refined.composite)
    steps = [both for (name, _), both in quality.flickers.items() if name == model]
    before, after = np.mean(steps, axis=0)
    return values | {FLICKER: (float(before), float(after))}


def _rounded(pair: Pair) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(value, 6) for key, value in asdict(score).items()}
        for name, score in (("without", pair.without), ("refined", pair.refined))
    }


def _averages(quality: Quality) -> str:
    models = _models(quality)
    summaries = [summary(quality, model) for model in models]
    rows = [[title, *(_cell(*one[title]) for one in summaries)] for title in summaries[0]]
    return markdown(["error (lower is better)", *models], rows)


def _cell(without: float, refined: float) -> str:
    return f"{without:.2f} → {refined:.2f} ({change(without, refined)})"


def _details(quality: Quality) -> str:
    rows = []
    for (model, case), pair in quality.pairs.items():
        values = [
            f"{getattr(pair.without, name):.2f} → {getattr(pair.refined, name):.2f}" for name in METRICS
        ]
        rows.append([f"{model}, {case.art} {case.size}", *values])
    return markdown(["network and film", *(title.split(",")[0] for title in METRICS.values())], rows)


def _introduction(quality: Quality) -> str:
    return (
        f"{quality.frames} frames of the generator's two films (`samples/`, seed 7; painted and drawn"
        " characters, 720p and 1080p), each with its exact alpha and colour. *Without*: the network's map,"
        " computed in the model's own way, enlarged bilinearly, with the frame's colours. *With*: the stage"
        f" graph that `trt-anime process` runs. The {ORACLE} is the true alpha, reduced to 320x320 and"
        " blurred, in the network's place: what the refinement does when the network makes no mistake."
    )


def _reading() -> str:
    return (
        "SAD, MSE, gradient and connectivity are those of Rhemann et al. (CVPR 2009) over the whole frame:"
        " there, what a network takes for a character weighs more than any edge, and no refinement can undo"
        " it. The edge rows look where the refinement works. *Composite* lays the layer over black, white,"
        " green and magenta and compares with the true layer laid over the same, on the true edge; the row"
        " after it keeps the refined alpha and changes the colours alone. *Flicker* compares how the matte"
        " and the truth change over consecutive frames of the second shot at 720p. Levels are of 255."
    )
