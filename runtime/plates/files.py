"""A plate on the disk: two PNG files and a JSON file a piece."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from trt_anime.errors import InputError
from trt_anime.files import output_error, write_text
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.results.places import shot_name
from trt_anime.runtime.results.planes import read_plane, read_rgba, write_picture

SCHEMA = 1


def plate_name(number: int, piece: int = 1) -> str:
    """`number`: of the shot, from 1. The first piece has the shot's own name."""
    return shot_name(number) + (f"_{piece:02d}" if piece > 1 else "")


def write_plate(folder: Path, number: int, plate: Plate) -> None:
    """`shot_0001.png`, RGB; `shot_0001_seen.png`, grey; `shot_0001.json`, last. Each is whole or absent.

    Raises:
        OutputError: it can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    name = plate_name(number, plate.piece)
    write_picture(folder / f"{name}.png", plate.canvas)
    write_picture(folder / f"{name}_seen.png", plate.seen)
    write_text(folder / f"{name}.json", json.dumps(_table(plate)) + "\n")


def read_plate(folder: Path, number: int, piece: int = 1) -> Plate:
    """As it was written, bit for bit. Raises InputError: there is none, or a file is damaged."""
    name = plate_name(number, piece)
    path = folder / f"{name}.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        motions = _motions(table)
        matrices = np.array([row["to_canvas"] for row in table["frames"]], np.float64).reshape(-1, 3, 3)
    except FileNotFoundError as error:
        raise InputError(f"{path}: is not there; run stage 2c of `trt-anime process` first") from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is damaged ({error}); run stage 2c of `trt-anime process` again"
        ) from error
    canvas = np.ascontiguousarray(read_rgba(folder / f"{name}.png")[..., :3])
    return Plate(canvas, read_plane(folder / f"{name}_seen.png"), motions, matrices, piece)


def pieces_in(folder: Path, number: int) -> int:
    """How many plates a shot has: 0 where stage 2c has not run, nearly always 1."""
    piece = 0
    while (folder / f"{plate_name(number, piece + 1)}.json").exists():
        piece += 1
    return piece


def _table(plate: Plate) -> dict[str, Any]:
    motions = plate.motions
    rows = [
        {
            "frame": frame,
            "to_canvas": plate.matrices[row].tolist(),
            "matrix": motions.matrices[row].tolist(),
            "gain": motions.gains[row].tolist(),
            "offset": motions.offsets[row].tolist(),
            "sure": float(motions.sure[row]),
        }
        for row, frame in enumerate(motions.frames)
    ]
    return {"schema": SCHEMA, "size": list(motions.size), "piece": plate.piece, "frames": rows}


def _motions(table: dict[str, Any]) -> Motions:
    rows = table["frames"]

    def column(name: str, *shape: int) -> Any:
        return np.array([row[name] for row in rows], np.float64).reshape(len(rows), *shape)

    height, width = table["size"]
    return Motions(
        (int(height), int(width)),
        tuple(int(row["frame"]) for row in rows),
        column("matrix", 3, 3),
        column("gain", 3),
        column("offset", 3),
        column("sure"),
    )
