"""Output folders as a run of the whole chain leaves them, made of a drawn film's ground truth."""

import json
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np

from samples.scene import GroundTruth, Scene, SceneOptions
from samples.storyboard import Art
from tests.runtime.clips import Extras, Tags, Writing, write
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.media.reader import open_source
from trt_anime.runtime.output import RECORD
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import LayerFolder, Layers, Track, write_layers, write_tracks
from trt_anime.runtime.results.planes import write_frame
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.results.shots import Shot, write_shots

BACKGROUND = LayerFolder("background", "2c", places.PLATES)
MERGED = LayerFolder("character", "2a", places.CHARACTERS)
PETALS = LayerFolder("effect_petals", "2b", f"{places.EFFECTS}/petals", prompt="petals")
GLOW = LayerFolder("effect_glow", "2b", f"{places.EFFECTS}/glow", "add", prompt="glow")

# Frames of 1, 2 and 3 ticks of a clock that isn't the rate's: a clip of variable frame rate.
TICKS_MS = (42, 83, 42, 125)


@dataclass(frozen=True)
class Making:
    """`stages`: those that the folder holds. `separate`: a layer for each character."""

    width: int = 320
    height: int = 180
    frames: int = 24
    seed: int = 7
    separate: bool = False
    stages: tuple[str, ...] = ("1", "2a", "2b", "2c", "3", "4")
    audio: tuple[str, ...] = ("flac",)
    art: Art = "procedural"


@cache
def drawn(width: int, height: int, frames: int, seed: int, art: Art) -> tuple[Scene, list[GroundTruth]]:
    """A film and all its frames; those that repeat share arrays."""
    scene = Scene(SceneOptions(seed=seed, width=width, height=height, frames=frames, art=art))
    truths: list[GroundTruth] = []
    for index in range(frames):
        first = scene.held[index]
        again = replace(truths[first], index=index) if first < index else scene.render(index)
        truths.append(again)
    return scene, truths


def pts_of(frames: int) -> list[int]:
    """Milliseconds, of variable distance."""
    return [int(sum(TICKS_MS[k % len(TICKS_MS)] for k in range(index))) for index in range(frames)]


def shown_at(frames: list[av.VideoFrame]) -> list[Fraction]:
    """Milliseconds at which decoded frames show."""
    return [Fraction(frame.pts or 0) * (frame.time_base or 0) * 1000 for frame in frames]


def make(folder: Path, making: Making | None = None) -> tuple[Results, list[GroundTruth]]:
    """The clip beside `folder`, and in it everything that `making` asks for."""
    making = making or Making()
    scene, truths = drawn(making.width, making.height, making.frames, making.seed, making.art)
    folder.mkdir(parents=True)
    _write_record(folder, _write_clip(folder.parent / "clip.mkv", truths, making), making)
    shots = shots_of(scene)
    write_shots(folder, shots)
    layers = _layers(shots, making)
    write_layers(folder, layers)
    for shot in shots:
        for fresh in shot.fresh:
            _write_stages(folder, truths[fresh], shot, layers, making)
    if "3" in making.stages:
        write_tracks(folder / places.TRACKS, _tracks(truths, shots))
    if "4" in making.stages:
        _write_annotation(folder, shots)
    return Results.open(folder), truths


def shots_of(scene: Scene) -> tuple[Shot, ...]:
    """As the run finds them: fresh frames are those that differ from the one before."""
    return tuple(
        Shot(
            number,
            shot.first,
            shot.last + 1,
            tuple(
                index
                for index in range(shot.first, shot.last + 1)
                if index == shot.first or scene.held[index] != scene.held[index - 1]
            ),
        )
        for number, shot in enumerate(scene.shots, 1)
    )


def character_rgba(truth: GroundTruth) -> Pixels:
    """uint8 [H,W,4], straight alpha: all characters."""
    rgba = np.dstack([truth.foreground, truth.alpha])
    return np.asarray(np.rint(rgba * 255), np.uint8)


def effect_rgba(truth: GroundTruth) -> Pixels:
    """uint8 [H,W,4], straight alpha."""
    alpha = truth.effect[..., 3:]
    colour = np.divide(
        truth.effect[..., :3], alpha, out=np.zeros_like(truth.effect[..., :3]), where=alpha > 0
    )
    return np.asarray(np.rint(np.clip(np.dstack([colour, alpha]), 0, 1) * 255), np.uint8)


def one_of(rgba: Pixels, instance: Pixels, identity: int) -> Pixels:
    """What of the merged `rgba` is nearest to this character."""
    _, nearest = cv2.distanceTransformWithLabels(
        (instance == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(nearest.max()) + 1, np.uint8)
    owner[nearest[instance > 0]] = instance[instance > 0]
    return np.asarray(np.where((owner[nearest] == identity)[..., None], rgba, 0), np.uint8)


def _write_clip(path: Path, truths: list[GroundTruth], making: Making) -> Path:
    return write(
        path,
        [truth.frame / 255 for truth in truths],
        pts=pts_of(len(truths)),
        writing=Writing(rate=Fraction(1000, 73)),
        tags=Tags(),
        extras=Extras(audio=making.audio, chapters=("one",)),
    )


def _write_record(folder: Path, clip: Path, making: Making) -> None:
    with open_source(clip) as source:
        facts = {
            name: str(value) if isinstance(value, (Path, Fraction)) else value
            for name, value in asdict(source.info).items()
        }
    record = {"schema": 2, "status": "done", "input": facts, "frames": making.frames}
    (folder / RECORD).write_text(json.dumps(record), encoding="utf-8")


def _layers(shots: tuple[Shot, ...], making: Making) -> Layers:
    people = tuple(
        LayerFolder(f"character_{n:02d}", "2a", f"{places.CHARACTERS}/character_{n:02d}", character=n)
        for n in range(1, 4)
    )
    rows = (BACKGROUND, *(people if making.separate else (MERGED,)), PETALS, GLOW)
    kept = tuple(row for row in rows if row.stage in making.stages)
    orders: dict[int, tuple[int, ...]] = (
        {shot.number: (1, 2, 3) for shot in shots} if making.separate else {}
    )
    return Layers(kept, orders)


def _write_stages(folder: Path, truth: GroundTruth, shot: Shot, layers: Layers, making: Making) -> None:
    same = shot.shown_at(truth.index)
    if "1" in making.stages and truth.index == shot.start:
        rows = np.arange(making.height)[:, None]
        below = np.where(rows < making.height // 2, 11, 12)
        segments = np.where(truth.instance > 0, truth.instance, below).astype(np.uint16)
        write_frame(folder / places.SEGMENTS, [truth.index], segments)
    if "3" in making.stages:
        write_frame(folder / places.TRACKS, same, truth.instance)
    for layer in layers.folders:
        picture = _picture(layer, truth)
        if layer.stage == "2c" or picture[..., 3].any():
            write_frame(folder / layer.folder, same, picture)


def _picture(layer: LayerFolder, truth: GroundTruth) -> Pixels:
    if layer.stage == "2c":
        return truth.plate
    if layer.stage == "2b":
        rgba = effect_rgba(truth)
        return rgba if (truth.effect_kind == "additive") == (layer.blend == "add") else np.zeros_like(rgba)
    rgba = character_rgba(truth)
    return one_of(rgba, truth.instance, layer.character) if layer.character else rgba


def _tracks(truths: list[GroundTruth], shots: tuple[Shot, ...]) -> list[Track]:
    seen: dict[int, list[int]] = {}
    for truth in truths:
        for identity in np.unique(truth.instance[truth.instance > 0]):
            seen.setdefault(int(identity), []).append(truth.index)
    found = []
    for identity, frames in sorted(seen.items()):
        numbers = tuple(shot.number for shot in shots if any(shot.start <= f < shot.stop for f in frames))
        sure = dict.fromkeys(numbers, 1.0)
        found.append(Track(identity, "character", numbers, len(frames), frames[0], frames[-1], sure))
    return found


def _write_annotation(folder: Path, shots: tuple[Shot, ...]) -> None:
    (folder / places.ANNOTATION).mkdir()
    lines = [
        {"frame": shot.start, "tags": ["1girl", f"shot {shot.number}"], "caption": "a girl, standing"}
        for shot in shots
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / places.ANNOTATION / "frames.jsonl").write_text(text, encoding="utf-8")
