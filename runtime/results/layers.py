"""The layers of a run, bottom to top, and the characters in them: `layers.json`, `tracks.json`."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from trt_anime.errors import InputError
from trt_anime.files import write_text

LAYERS = "layers.json"
TRACKS = "tracks.json"
SCHEMA = 1
OTHERS = 255  # the id of all for whom none of their own is left, together

Blend = Literal["over", "add"]


@dataclass(frozen=True)
class LayerFolder:
    """A layer whose pictures are RGBA PNG files, one a frame; a frame without a file has nothing of it.

    Attributes:
        name: such as ``background``, ``character``, ``character_02``, ``effect_glow``.
        stage: number of the stage that made it.
        folder: below the output folder, with forward slashes.
        blend: how it is laid on what is below where its shot doesn't say otherwise: ``over`` (straight
            alpha), or ``add``: its colour times its alpha is light that is added.
        character: id of the one character it holds; 0 where it holds all or none.
        prompt: of an effect layer.
    """

    name: str
    stage: str
    folder: str
    blend: Blend = "over"
    character: int = 0
    prompt: str = ""


@dataclass(frozen=True)
class Layers:
    """Attributes:
    folders: bottom to top.
    orders: by shot number, the ids of the characters in it from back to front.
    blends: by shot number and a layer's name, how it blends there.
    """

    folders: tuple[LayerFolder, ...]
    orders: dict[int, tuple[int, ...]] = field(default_factory=dict)
    blends: dict[int, dict[str, Blend]] = field(default_factory=dict)

    def in_shot(self, number: int) -> tuple[LayerFolder, ...]:
        """Bottom to top as they lie and blend in this shot."""
        order = self.orders.get(number, ())
        place = {character: rank for rank, character in enumerate(order)}
        people = [layer for layer in self.folders if layer.character]
        people.sort(key=lambda layer: place.get(layer.character, -1))
        queue = iter(people)
        lying = (next(queue) if layer.character else layer for layer in self.folders)
        blends = self.blends.get(number, {})
        return tuple(replace(layer, blend=blends.get(layer.name, layer.blend)) for layer in lying)


@dataclass(frozen=True)
class Track:
    """A character over the clip.

    Attributes:
        id: 1..255, as in the maps of ids; `OTHERS` isn't one character.
        label: what it is, such as ``character`` or a class of the segmentation; of `OTHERS`, ``others``.
        shots: numbers of the shots it is in.
        frames: in how many frames it shows.
        first, last: frames.
        sure: by shot number, 0..1, how sure it is that the one in this shot is the same as in the shot
            where the id was first given; 1 there.
    """

    id: int
    label: str
    shots: tuple[int, ...]
    frames: int
    first: int
    last: int
    sure: dict[int, float] = field(default_factory=dict)


def write_layers(folder: Path, layers: Layers) -> None:
    """Whole or not at all. Raises OutputError."""
    _write(folder / LAYERS, asdict(layers))


def read_layers(folder: Path) -> Layers:
    """Raises InputError: there are none, or the file is damaged."""
    table = _read(folder / LAYERS, folder)
    try:
        folders = tuple(LayerFolder(**row) for row in table["folders"])
        orders = {int(shot): tuple(order) for shot, order in table["orders"].items()}
        blends = {int(shot): dict(names) for shot, names in table["blends"].items()}
        return Layers(folders, orders, blends)
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder / LAYERS, error) from error


def write_tracks(folder: Path, tracks: Sequence[Track]) -> None:
    """`folder`: of the stage. Whole or not at all. Raises OutputError."""
    _write(folder / TRACKS, {"tracks": [asdict(track) for track in tracks]})


def read_tracks(folder: Path) -> tuple[Track, ...]:
    """`folder`: of the stage. Raises InputError: there are none, or the file is damaged."""
    rows = _read(folder / TRACKS, folder).get("tracks", [])
    try:
        return tuple(
            Track(
                **row
                | {
                    "shots": tuple(row["shots"]),
                    "sure": {int(shot): sure for shot, sure in row["sure"].items()},
                }
            )
            for row in rows
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder / TRACKS, error) from error


def _write(path: Path, table: dict[str, Any]) -> None:
    write_text(path, json.dumps({"schema": SCHEMA} | table, indent=1, ensure_ascii=False) + "\n")


def _read(path: Path, folder: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{folder}: holds no {path.name}; run `trt-anime process` first") from error
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    if not isinstance(table, dict):
        raise _damaged(path, ValueError("not an object"))
    return table


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: is damaged ({error}); run `trt-anime process` again")
