"""Names of folders and files below an output folder."""

import os
from contextlib import suppress
from pathlib import Path

SEGMENTS = "stage1_segmentation"
CHARACTERS = "stage2a_character_refine"
EFFECTS = "stage2b_effect_separation"
PLATES = "stage2c_background_inpaint"
TRACKS = "stage3_temporal"
ANNOTATION = "stage4_annotation"
# Number of a stage, as users write it -> its folder; in the order in which users know them.
FOLDERS = {
    "1": SEGMENTS,
    "2a": CHARACTERS,
    "2b": EFFECTS,
    "2c": PLATES,
    "3": TRACKS,
    "4": ANNOTATION,
}
WORK = "work"  # what passes hand to each other; removed when the run is done


def frame_name(index: int) -> str:
    """`index`: zero-based, of the clip."""
    return f"frame_{index:06d}.png"


def shot_name(number: int) -> str:
    """`number`: of the shot, from 1."""
    return f"shot_{number:04d}"


def holds(folder: Path, prefix: str = "") -> bool:
    """Whether a folder has anything with such a name; a film's isn't read to its end for that."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        return any(entry.name.startswith(prefix) for entry in entries)
    return False


def frames_in(folder: Path) -> list[int]:
    """Indices of the frames that a folder has a picture of, ascending."""
    found = (path.stem.removeprefix("frame_") for path in folder.glob("frame_*.png"))
    return sorted(int(number) for number in found if number.isdecimal())
