"""A film of coloured figures in an output folder, and networks that are functions of a frame's colours."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.annotation.networks import PictureEncoder, TextEncoder
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results.layers import LayerFolder, Layers, write_layers
from trt_anime.runtime.results.places import TRACKS, frame_name
from trt_anime.runtime.results.planes import write_frame, write_picture
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.results.shots import Shot, write_shots

HEIGHT, WIDTH = 96, 160
COLOURS = {"red": (230, 40, 40), "green": (40, 200, 60), "blue": (40, 60, 230)}
SHOTS = (
    Shot(1, 0, 8, (0, 2, 4, 6)),
    Shot(2, 8, 14, tuple(range(8, 14))),
    Shot(3, 14, 20, (14, 17)),
)
FIGURES = {1: ("red", 1), 2: ("green", 2), 3: ("blue", 1)}  # shot -> colour, character
SMEARED = (8, 9)  # the green figure comes in out of focus


@dataclass(frozen=True)
class Film:
    """Attributes:
    frames: uint8 [20,96,160,3].
    ids: uint8 [20,96,160].
    """

    frames: Pixels
    ids: Pixels


def film() -> Film:
    """A figure of lines and flat colour walks through each shot, drawn on twos, ones and threes."""
    frames, ids = [], []
    for shot in SHOTS:
        colour, character = FIGURES[shot.number]
        for index in range(shot.start, shot.stop):
            drawn = shot.drawn_at(index)
            rgb, mask = _drawing(COLOURS[colour], 24 + 9 * (drawn - shot.start), shot.number)
            if drawn in SMEARED:
                rgb = np.asarray(cv2.blur(rgb, (9, 9)), np.uint8)
            frames.append(rgb)
            ids.append(mask * np.uint8(character))
    return Film(np.stack(frames), np.stack(ids))


def folder_with(film: Film, folder: Path, *, with_ids: bool = True) -> Results:
    """What a run leaves that annotation reads."""
    clip = folder / "clip"
    clip.mkdir(parents=True)
    for index, rgb in enumerate(film.frames):
        write_picture(clip / frame_name(index), rgb)
        if with_ids:
            write_frame(folder / TRACKS, [index], film.ids[index])
    write_shots(folder, SHOTS)
    write_layers(folder, Layers((LayerFolder("background", "2c", "p"),), {1: (1,)}))
    record = {"input": {"path": str(clip), "height": HEIGHT, "width": WIDTH, "rate": "24"}}
    (folder / "run.json").write_text(json.dumps(record))
    return Results.open(folder)


@dataclass
class Colours:
    """A CLIP whose vector of a frame is how much red, green and blue stands out, and of nothing else.

    Attributes:
        seen: how many frames each run had.
    """

    seen: list[int] = field(default_factory=list)

    def picture(self, *, batch: int = 1, sha: str = "a" * 64) -> PictureEncoder:
        def run(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
            frames = inputs["frame"]
            self.seen.append(len(frames))
            return {"embedding": np.stack([colour_vector(one) for one in frames]).astype(np.float16)}

        return PictureEncoder(
            model="clip-b32", checkpoint_sha256=sha, graph_sha256="1" * 64, run=run, batch=batch
        )

    def text(self, *, sha: str = "a" * 64) -> TextEncoder:
        def run(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
            return {"embedding": inputs["ids"][:, :4].astype(np.float16)}

        return TextEncoder(
            model="clip-b32",
            checkpoint_sha256=sha,
            graph_sha256="2" * 64,
            run=run,
            tokenizer=Letters(),  # type: ignore[arg-type]
        )


@dataclass
class Rows:
    ids: NDArray[np.int32]


class Letters:
    """A tokenizer whose ids are the vector itself: 1 for each colour that the text names, else neutral."""

    def encode(self, texts: Sequence[str]) -> Rows:
        rows = [[int(colour in text.split()) for colour in COLOURS] for text in texts]
        return Rows(np.array([[*row, int(not any(row))] for row in rows], np.int32))


def colour_vector(rgb: Pixels) -> NDArray[np.float32]:
    """float32 [4] of length 1: share of strongly red, green and blue pixels, and a little of none."""
    wide = rgb.astype(np.int16)
    others = [np.maximum(wide[..., (c + 1) % 3], wide[..., (c + 2) % 3]) for c in range(3)]
    shares = [float((wide[..., c] - others[c] > 60).mean()) for c in range(3)]
    vector = np.array([*shares, 0.01], np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def _drawing(colour: tuple[int, int, int], left: int, seed: int) -> tuple[Pixels, Pixels]:
    """A figure with ink lines before a grey wall with some things on it."""
    rgb = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    rng = np.random.default_rng(seed)
    for x, y, w, h in rng.integers(8, 60, (6, 4)):
        cv2.rectangle(rgb, (int(2 * x), int(y)), (int(2 * x + w), int(y + h)), (110 + int(x),) * 3, -1)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (left, 60), (18, 34), 0, 0, 360, 1, -1)
    rgb[mask > 0] = colour
    cv2.ellipse(rgb, (left, 60), (18, 34), 0, 0, 360, (20, 20, 20), 2)
    for x in (-7, 7):
        cv2.circle(rgb, (left + x, 48), 3, (20, 20, 20), -1)
    cv2.line(rgb, (left - 8, 62), (left + 8, 62), (20, 20, 20), 2)
    return rgb, mask
