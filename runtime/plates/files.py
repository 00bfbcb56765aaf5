"""A plate on the disk: two PNG files and a JSON file a piece."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import InputError
from trt_anime.files import output_error, write_text
from trt_anime.runtime.plates.motions import Motions
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.sheets import Sheet
from trt_anime.runtime.results.places import shot_name
from trt_anime.runtime.results.planes import read_plane, read_rgba, write_picture

SCHEMA = 1


def plate_name(number: int, piece: int = 1) -> str:
    """`number`: of the shot, from 1. The first piece has the shot's own name."""
    return shot_name(number) + (f"_{piece:02d}" if piece > 1 else "")


def write_plate(folder: Path, number: int, plate: Plate) -> list[Path]:
    """`shot_0001.png`, RGB; `shot_0001_seen.png`, grey; `shot_0001.json`, last. Each is whole or absent.

    Where it has sheets: `shot_0001_sheet1.png`, RGBA, and `shot_0001_sheet1_seen.png`, the far one;
    `sheet2`, the near one. Returns all files.

    Raises:
        OutputError: it can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    name = plate_name(number, plate.piece)
    pictures = {f"{name}.png": plate.canvas, f"{name}_seen.png": plate.seen}
    for order, sheet in enumerate(plate.sheets, start=1):
        pictures |= {f"{name}_sheet{order}.png": sheet.canvas, f"{name}_sheet{order}_seen.png": sheet.seen}
    for file, picture in pictures.items():
        write_picture(folder / file, picture)
    write_text(folder / f"{name}.json", json.dumps(_table(plate)) + "\n")
    return [folder / file for file in (*pictures, f"{name}.json")]


def read_plate(folder: Path, number: int, piece: int = 1) -> Plate:
    """As it was written, bit for bit. Raises InputError: there is none, or a file is damaged."""
    name = plate_name(number, piece)
    path = folder / f"{name}.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        motions = _motions(table)
        matrices = np.array([row["to_canvas"] for row in table["frames"]], np.float64).reshape(-1, 3, 3)
        placed = _sheet_matrices(table)
    except FileNotFoundError as error:
        raise InputError(f"{path}: is not there; run stage 2c of `trt-anime process` first") from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is damaged ({error}); run stage 2c of `trt-anime process` again"
        ) from error
    canvas = np.ascontiguousarray(read_rgba(folder / f"{name}.png")[..., :3])
    sheets = tuple(
        Sheet(read_rgba(path), read_plane(path.with_name(f"{path.stem}_seen.png")), each)
        for order, each in enumerate(placed, start=1)
        for path in [folder / f"{name}_sheet{order}.png"]
    )
    return Plate(canvas, read_plane(folder / f"{name}_seen.png"), motions, matrices, piece, sheets)


def pieces_in(folder: Path, number: int) -> int:
    """How many plates a shot has: 0 where stage 2c has not run, nearly always 1."""
    piece = 0
    while (folder / f"{plate_name(number, piece + 1)}.json").exists():
        piece += 1
    return piece


def _table(plate: Plate) -> dict[str, Any]:
    motions = plate.motions
    rows: list[dict[str, Any]] = [
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
    if plate.sheets:
        for number, row in enumerate(rows):
            row["to_sheets"] = [sheet.matrices[number].tolist() for sheet in plate.sheets]
    return {"schema": SCHEMA, "size": list(motions.size), "piece": plate.piece, "frames": rows}


def _sheet_matrices(table: dict[str, Any]) -> Sequence[NDArray[np.float64]]:
    """For each sheet, float64 [N,3,3]."""
    rows = table["frames"]
    if "to_sheets" not in rows[0]:
        return ()
    matrices = np.array([row["to_sheets"] for row in rows], np.float64).reshape(len(rows), 2, 3, 3)
    return [matrices[:, 0], matrices[:, 1]]


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
