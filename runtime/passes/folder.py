"""The output folder of a run over several stages: what may be added to it, and what is made anew."""

import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from trt_anime.errors import InputError
from trt_anime.files import output_error
from trt_anime.runtime import output
from trt_anime.runtime.delivery import contact_sheet, preview
from trt_anime.runtime.ledger.segments import FILE_NAME as LEDGER
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.progress import FILE_NAME as PROGRESS
from trt_anime.runtime.passes.progress import Progress
from trt_anime.runtime.passes.table import MATTE, NEEDS, PASSES, Pass
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import LAYERS
from trt_anime.runtime.results.shots import FILE_NAME as SHOTS

# What every run writes over or removes in the folder, beside the pictures of its stages.
_WRITTEN = (places.WORK, SHOTS, LAYERS, contact_sheet.FILE_NAME, preview.FILE_NAME)


def check_place(folder: Path, source: Path) -> None:
    """Refuse a folder in which a run would destroy its input, or what no run has made. Touches nothing.

    Raises InputError.
    """
    written = [folder / name for name in _WRITTEN]
    for path in (*written, *(folder / name for name in places.FOLDERS.values())):
        if source.resolve().is_relative_to(path.resolve()):
            raise InputError(
                f"{source}: lies where the output would be written; choose another folder with -o"
            )
    if (folder / PROGRESS).exists():
        return
    alone = (folder / LEDGER).exists()  # a run of stage 2a alone, whose record it is
    for path in written if alone else (*written, folder / output.RECORD):
        if path.exists():
            raise InputError(
                f"{path}: is there, no run has made it, and this one would write over it; choose another"
                " folder with -o"
            )


def check_needs(folder: Path, stages: Collection[str]) -> None:
    """Raises InputError: a stage reads from one that neither runs nor has left anything in the folder."""
    for stage in stages:
        for group in NEEDS[stage]:
            if not any(other in stages or places.holds(folder / places.FOLDERS[other]) for other in group):
                wanted = " or ".join(group)
                raise InputError(
                    f"{folder}: stage {stage} reads from stage {wanted}, whose results are not there; add"
                    " it to --stages, or give the folder of a run that had it"
                )


def take_up(options: ProcessOptions, passes: Sequence[Pass], progress: Progress) -> None:
    """Refuse to mix two runs; with `overwrite`, remove what is made again and all that follows from it.

    Raises:
        InputError: the folder holds results of these stages, and neither `resume` nor `overwrite` is on.
        OutputError: they can't be removed.
    """
    alone = "2a" in options.stages and (options.output / LEDGER).exists()
    begun = [one.name for one in passes if one.name in progress.names() and not one.passive]
    if options.overwrite:
        forget(options.output, progress, _with_followers(begun))
        if "2a" in options.stages:
            progress.forget([MATTE])
            _remove(options.output / places.WORK / "2a")
        if alone:
            output.clear(options.output)
            (options.output / LEDGER).unlink(missing_ok=True)
        return
    if alone:
        raise InputError(
            f"{options.output}: holds a run of stage 2a alone; leave 2a out of --stages to go on from it,"
            " add --overwrite to replace it, or choose another folder"
        )
    if begun and not options.resume:
        raise InputError(
            f"{options.output}: holds the results of an earlier run; add --resume to go on with it or"
            " --overwrite to replace it, or choose another folder"
        )


def forget(folder: Path, progress: Progress, names: Collection[str]) -> None:
    """These passes have done nothing: their files go, and what is empty then. Raises OutputError."""
    tables = [folder / one.table for one in PASSES if one.name in names and one.table]
    files = [
        folder / piece.path
        for name in names
        for done in progress.done(name).values()
        for piece in done.pieces
    ]
    try:
        for file in (*tables, *files):
            file.unlink(missing_ok=True)
        for place in sorted({file.parent for file in (*tables, *files)}, key=lambda path: -len(path.parts)):
            while place != folder and place.is_dir() and not any(place.iterdir()):
                place.rmdir()
                place = place.parent
    except OSError as error:
        raise output_error(folder, error) from error
    progress.forget(names)


def remove_work(folder: Path) -> None:
    """What passes handed to each other; whatever else lies there stays. Raises OutputError."""
    work = folder / places.WORK
    for stage in places.FOLDERS:
        _remove(work / stage)
    with suppress(OSError):  # it isn't there, or holds what isn't ours
        work.rmdir()


def _with_followers(names: Collection[str]) -> list[str]:
    found = set(names)
    for one in PASSES:  # every pass comes after those it reads
        if found & set(one.reads):
            found.add(one.name)
    return [one.name for one in PASSES if one.name in found]


def _remove(folder: Path) -> None:
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise output_error(folder, error) from error
