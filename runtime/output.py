"""The output folder: refused, cleared or made before any work begins."""

import shutil
import tempfile
from pathlib import Path

from trt_anime.errors import InputError, OutputError
from trt_anime.files import output_error
from trt_anime.runtime.media.encoder import CODECS
from trt_anime.runtime.media.png import PATTERN
from trt_anime.runtime.record import FILE_NAME


def check(folder: Path, source: Path, layer_folder: str, *, overwrite: bool) -> None:
    """Refuse a folder whose use would harm the input or mix two runs. Touches nothing.

    Raises:
        InputError: it is a file, holds the input, or holds an earlier run and `overwrite` is off.
    """
    layer = folder / layer_folder
    for path in (folder, layer):
        if _exists(path) and not path.is_dir():
            raise InputError(f"{path}: is a file, but the output needs a folder; choose another with -o")
    if folder.resolve() == source.resolve():
        raise InputError(f"{folder}: is the input itself; choose another folder with -o")
    if source.resolve().is_relative_to(layer.resolve()):
        raise InputError(f"{source}: lies where the output would be written; choose another folder with -o")
    held = [path for path in (folder / FILE_NAME, *_listed(layer)) if _exists(path)]
    if held and not overwrite:
        raise InputError(
            f"{folder}: holds the results of an earlier run; choose another folder, or add --overwrite"
        )


def prepare(folder: Path, layer_folder: str, layer: str, *, needed_bytes: int) -> Path:
    """Make the layer's folder, empty of an earlier run's files; returns it.

    Only files that trt-anime itself names so are removed.

    Raises:
        OutputError: it can't be written, or has no room for `needed_bytes`.
    """
    path = folder / layer_folder
    made = [place for place in (path, *path.parents) if not place.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        _clear(folder, path, layer)
        free_bytes = shutil.disk_usage(path).free
    except OSError as error:
        _unmake(made)
        raise output_error(path, error) from error
    if free_bytes < needed_bytes:
        _unmake(made)
        raise OutputError(
            f"{folder}: has {free_bytes / 1e6:.1f} MB free, too little for one frame; "
            "free space or choose another folder"
        )
    return path


def _clear(folder: Path, path: Path, layer: str) -> None:
    videos = [f"{layer}{part}{codec.suffix}" for codec in CODECS.values() for part in ("", ".partial")]
    for pattern in (PATTERN, *videos, ".frame_*.png.partial", f".{layer}.*.partial"):
        for file in path.glob(pattern):
            file.unlink()
    (folder / FILE_NAME).unlink(missing_ok=True)


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
