"""The output folder: refused, cleared or made before any work begins."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from trt_anime.errors import InputError, OutputError
from trt_anime.files import output_error
from trt_anime.runtime.ledger.segments import FILE_NAME as LEDGER
from trt_anime.runtime.media.writers import CHAPTERS, TIMECODES
from trt_anime.runtime.stages import STAGES

RECORD = "run.json"

# What runs leave in the output folder, as patterns below it; nothing else is ever removed. The ledger
# clears itself.
_COMMON = (
    RECORD,
    TIMECODES,
    CHAPTERS,
    "source_streams.mkv",
    "source_streams.mp4",
    "layers/frame_*.exr",
    "layers/.frame_*.partial",
)
_OF_A_LAYER = (
    "frame_*.png",
    "{}.mkv",
    "{}.mov",
    "{}.webm",
    "{}.segments/*",
    ".frame_*.partial",
    ".{}.*.partial",
)


def check(folder: Path, source: Path, *, overwrite: bool, resume: bool) -> None:
    """Refuse a folder whose use would harm the input or mix two runs. Touches nothing.

    Raises:
        InputError: it is a file, holds the input, or holds an earlier run and neither switch is on.
    """
    layers = [folder / name for name in _layer_folders()]
    for path in (folder, *layers):
        if _exists(path) and not path.is_dir():
            raise InputError(f"{path}: is a file, but the output needs a folder; choose another with -o")
    if folder.resolve() == source.resolve():
        raise InputError(f"{folder}: is the input itself; choose another folder with -o")
    for path in layers:
        if source.resolve().is_relative_to(path.resolve()):
            raise InputError(
                f"{source}: lies where the output would be written; choose another folder with -o"
            )
    if source.resolve() in {path.resolve() for path in _ours(folder)}:
        raise InputError(f"{source}: has the name of a file that runs write; choose another folder with -o")
    if not (overwrite or resume):
        require_unused(folder)


def check_device(folder: Path, device: str) -> None:
    """Keep what device null made up apart from results. Raises InputError: they would be mixed."""
    there = is_made_up(folder)
    if there is None or there == (device == "null"):
        return
    if there:
        raise InputError(made_up(folder))
    raise InputError(
        f"{folder}: holds results, and --device null makes up what it writes; choose another folder with -o"
    )


def is_made_up(folder: Path) -> bool | None:
    """Whether the last run in the folder was on device null; None: there was none, or it can't be told."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return str(record["device"]).startswith("null")
    except (OSError, ValueError, KeyError, TypeError):
        return None


def made_up(folder: Path) -> str:
    """The sentence for who takes such a folder for results."""
    return (
        f"{folder}: was written by a run on device null, to predict its speed, and what lies there is"
        " made up; run `trt-anime process` on another device into another folder"
    )


def require_unused(folder: Path) -> None:
    """Raises InputError: it holds results."""
    layers = [folder / name for name in _layer_folders()]
    if (folder / LEDGER).exists() and (folder / LEDGER).stat().st_size:
        raise InputError(_held(folder, "add --resume to go on with it or --overwrite to replace it"))
    if next(_ours(folder), None) or any(_listed(path) for path in layers):
        raise InputError(_held(folder, "its ledger is missing or damaged: add --overwrite to replace it"))


def _held(folder: Path, remedy: str) -> str:
    return f"{folder}: holds the results of an earlier run; {remedy}, or choose another folder"


def prepare(folder: Path, *, needed_bytes: int) -> None:
    """Make the folder.

    Raises:
        OutputError: it can't be written, or has no room for `needed_bytes`.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free_bytes = shutil.disk_usage(folder).free
    except OSError as error:
        _unmake(made)
        raise output_error(folder, error) from error
    if free_bytes < needed_bytes:
        _unmake(made)
        raise OutputError(
            f"{folder}: has {free_bytes / 1e6:.1f} MB free, too little for one frame; "
            "free space or choose another folder"
        )


def clear(folder: Path) -> None:
    """Remove an earlier run's files, only those that trt-anime itself names so. Raises OutputError."""
    try:
        ours = list(_ours(folder))
        for file in ours:
            file.unlink()
        # Folders that are empty now, innermost first; one that holds something else stays.
        for place in sorted({file.parent for file in ours} - {folder}, key=lambda path: -len(path.parts)):
            _unmake([place])
    except OSError as error:
        raise output_error(folder, error) from error


def _layer_folders() -> list[str]:
    return [layer.folder for stage in STAGES.values() for layer in stage.layers]


def _ours(folder: Path) -> Iterator[Path]:
    for pattern in _COMMON:
        yield from folder.glob(pattern)
    for stage in STAGES.values():
        for layer in stage.layers:
            for pattern in _OF_A_LAYER:
                yield from (folder / layer.folder).glob(pattern.format(layer.name))


def _unmake(made: list[Path]) -> None:
    """Remove the folders that this run made, innermost first."""
    for place in made:
        try:
            place.rmdir()
        except OSError:
            return


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # such as a name too long for the file system
        raise output_error(path, error) from error


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise output_error(folder, error) from error
