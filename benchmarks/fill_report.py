"""The page of `fill_sizes`."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tables import Spread, markdown, paired_ratio

SCALED, WINDOW, TILED = "frame, scaled", "window, scaled", "tiles"
_WAYS = (SCALED, WINDOW, TILED)
_HOLES = {"whole": "whole characters", "rest": "what is left of them"}
Row = Mapping[str, Any]


def document(content: Mapping[str, Any]) -> str:
    """The whole page of a record."""
    rows, sides = content["rows"], content["sides"]
    where = f"{content['date']}. {content['machine']}. {content['versions']}."
    return f"""# Fills of frames of any size

*Written by `{content["command"]}`; don't edit. {where}*

An inpainting network has a size of its own: MI-GAN {sides["migan"]}x{sides["migan"]}, LaMa {sides["lama"]}
pixels on the long side. A frame of another size can be brought to it and what was painted brought
back (*scaled*), or squares of that size are cut out of the frame in full resolution, a quarter of each
shared with the next and blended there (*tiles*).

{_verdict(rows)}

## MI-GAN, real weights

The plates of the generator's films, one hole a frame where the characters stand: *whole characters* and a
little around them, or *what is left of them* when they walk by six tenths of their width. The network gets
the true plate, black in the hole; only the hole counts. *{SCALED.capitalize()}*: the stage graph, given the
frame. *{WINDOW.capitalize()}*: as the chain asks it, for the hole with half its size around it; what it
misses at the hole's edge is taken off again. *{TILED.capitalize()}*: the stage graph, given tiles.

{_quality(rows)}

PSNR and SSIM against the true plate; *seam*: the step of colour along the hole's edge, in levels of 255.
Means over frames. *CPU time*: of the whole fill, times that of *{SCALED}* on the same frame; median (lowest
to highest).

![frames of 1080p: hole, fills and truth](images/fills.jpg)

## LaMa, random weights

No registry has its weights, so its pictures say nothing; what it costs doesn't depend on them. A 1080p
frame by scale, against one tile of {sides["lama"]}x{sides["lama"]} in it:

{_costs(content["lama"])}
"""


def _verdict(rows: Sequence[Row]) -> str:
    """The choice, and the figures behind it."""
    ways = {SCALED: "the scaled frame", WINDOW: "the scaled window"}
    lines = [
        f"- {title}: {', '.join(f'{name} {_against(rows, hole, way)}' for way, name in ways.items())}."
        for hole, title in _HOLES.items()
    ]
    return f"""**Frames are scaled**; in the chain, windows of them around holes. Tiles take
{_ratio(rows, TILED).text(1)} times the CPU time, and this much nearer than they to the truth, by PSNR, come

{chr(10).join(lines)}

Enlarged, a fill is softer than the frame around it. But in a large hole a tile sees little else than the
hole and paints things of its own, as the pictures show; in a small one there is little between them."""


def _against(rows: Sequence[Row], hole: str, way: str) -> str:
    some = [row for row in rows if row["hole"] == hole]
    gains = [_of(row, way)["psnr_db"] - _of(row, TILED)["psnr_db"] for row in some]
    nearer = sum(gain > 0 for gain in gains)
    return f"{statistics.mean(gains):+.1f} dB (nearer in {nearer} of {len(some)} fills)"


def _quality(rows: Sequence[Row]) -> str:
    head = ["film, hole", "way", "PSNR, dB", "SSIM", "seam", "network runs", "CPU time"]
    groups = dict.fromkeys((row["film"], row["hole"]) for row in rows)
    cells = []
    for film, hole in groups:
        some = [row for row in rows if (row["film"], row["hole"]) == (film, hole)]
        cells += [[f"{film}, {_HOLES[hole]}", *_line(some, way)] for way in _WAYS]
    cells += [["all", *_line(rows, way)] for way in _WAYS]
    return markdown(head, cells)


def _line(rows: Sequence[Row], way: str) -> list[str]:
    names = ("psnr_db", "ssim", "seam")
    means = [statistics.mean(_of(row, way)[name] for row in rows) for name in names]
    tiles = statistics.mean(row["tiles"] for row in rows)
    runs = {SCALED: "1", WINDOW: "1 a window", TILED: f"{tiles:.1f}"}
    return [
        way,
        *(f"{mean:.{digits}f}" for mean, digits in zip(means, (1, 3, 1), strict=True)),
        runs[way],
        "1" if way == SCALED else _ratio(rows, way).text(1),
    ]


def _ratio(rows: Sequence[Row], way: str) -> Spread:
    ours, theirs = ([_of(row, name)["cpu_s"] for row in rows] for name in (SCALED, way))
    return paired_ratio(theirs, ours)


def _of(row: Row, way: str) -> Mapping[str, float]:
    found: Mapping[str, float] = row["ways"][way]
    return found


def _costs(found: Mapping[str, Any]) -> str:
    if not found:
        return "Not measured."
    names = {"frame": "the frame, scaled", "tile": "one tile"}
    rows = [
        [
            title,
            Spread.of([one["cpu_s"] for one in found[name]]).text(1),
            f"{max(one['bytes'] for one in found[name]) / 1e6:.0f}",
        ]
        for name, title in names.items()
    ]
    tile, frame = ([one["cpu_s"] for one in found[name]] for name in ("tile", "frame"))
    ratio = paired_ratio([found["tiles"] * seconds for seconds in tile], frame)
    return (
        f"{markdown(['', 'CPU seconds', 'memory, MB'], rows)}\n\n"
        f"The hole of a person as high as the frame takes {found['tiles']} such tiles: {ratio.text(1)}"
        " times the CPU time of the scaled\nframe. *Memory*: what a run held at most, besides the weights."
    )
