"""Edges for the eye: source, truth, without and with refinement, on green."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.quality_frames import Case
from benchmarks.quality_mattes import Matting, Pixels
from benchmarks.quality_scores import composite
from samples.scene import GroundTruth
from samples.storyboard import Art

GREEN = (40, 190, 60)
CROP_WIDTH, CROP_HEIGHT, ENLARGED = 160, 100, 2
HEADER = 22
COLUMNS = ("frame", "truth", "network's map, enlarged", "refined")
SURE = 0.12  # mean |alpha error| of the plain matte in a window where the network got the figure right
FIGURE = (0.3, 0.7)  # the figure's share of a window: half of it, so that an edge runs through


@dataclass(frozen=True)
class Row:
    """A frame of the 1080p film, by its place in the clip, and the network that cuts it."""

    art: Art
    frame: int
    model: str


ROWS = (
    Row("sprites", 30, "u2netp"),
    Row("sprites", 52, "u2net"),
    Row("sprites", 84, "modnet"),
    Row("procedural", 30, "u2netp"),
    Row("procedural", 60, "u2net"),
)


def write_edges(path: Path, matting_of: Callable[[str], Matting]) -> None:
    """One row of crops for each of ROWS, pixels enlarged twice. Raises OSError."""
    sheet = np.vstack([header(COLUMNS), *(_row(row, matting_of(row.model)) for row in ROWS)])
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(
        ".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 9]
    )
    assert done
    path.write_bytes(data.tobytes())


def _row(row: Row, matting: Matting) -> Pixels:
    truth = Case(row.art, "1080p").scene().render(row.frame)
    layers = matting.layers(truth)
    y, x = window(truth, layers.without)
    crop = (slice(y, y + CROP_HEIGHT), slice(x, x + CROP_WIDTH))
    panels = [truth.frame[crop], composite(truth.foreground[crop], truth.alpha[crop], GREEN)]
    for layer in (layers.without, layers.refined):
        unit = layer[crop] / np.float32(255)
        panels.append(composite(unit[..., :3], unit[..., 3], GREEN))
    return side_by_side(panels)


def side_by_side(panels: Sequence[Pixels]) -> Pixels:
    """uint8 [h,w,3]: crops of one size, pixels enlarged twice."""
    large = [panel.repeat(ENLARGED, 0).repeat(ENLARGED, 1) for panel in panels]
    framed = [
        cv2.copyMakeBorder(panel, 0, 2, 0, 2, cv2.BORDER_CONSTANT, value=(255,) * 3) for panel in large
    ]
    return np.asarray(np.hstack(framed), np.uint8)


def window(truth: GroundTruth, plain: Pixels) -> tuple[int, int]:
    """(y, x) of a crop: about half of it figure that the network found, with the most parts under 3 px."""
    shape = (truth.alpha > 0.25).astype(np.uint8)
    thin = (shape - cv2.morphologyEx(shape, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))).astype(np.float32)
    error = np.abs(plain[..., 3] / np.float32(255) - truth.alpha)
    count, wrong, figure = (window_means(plane) for plane in (thin, error, truth.alpha))
    half = (figure > FIGURE[0]) & (figure < FIGURE[1])
    best = int(np.argmax(np.where(half, np.where(wrong < SURE, count, -wrong), -np.inf)))
    y, x = divmod(best, count.shape[1])
    return y, x


def window_means(plane: np.ndarray) -> np.ndarray:
    """The mean of each window that lies in the plane, by its upper left corner."""
    means = cv2.boxFilter(plane, cv2.CV_32F, (CROP_WIDTH, CROP_HEIGHT), anchor=(0, 0))
    return np.asarray(means[: plane.shape[0] - CROP_HEIGHT + 1, : plane.shape[1] - CROP_WIDTH + 1])


def header(columns: Sequence[str]) -> Pixels:
    """uint8 [h,w,3]: what stands above crops that are side by side."""
    width = CROP_WIDTH * ENLARGED + 2
    strip = np.full((HEADER, width * len(columns), 3), 255, np.uint8)
    for number, title in enumerate(columns):
        place = (number * width + 4, HEADER - 7)
        cv2.putText(strip, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return strip
