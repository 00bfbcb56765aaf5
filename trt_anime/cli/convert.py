"""`trt-anime convert`: what people do next with a run's layers."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trt_anime.cli.progress import note, progress
from trt_anime.errors import InputError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from trt_anime.cli.progress import Advance
    from trt_anime.runtime.delivery.kohya import TrainingOptions
    from trt_anime.runtime.results.reader import Results


class To(StrEnum):
    KOHYA = "kohya"
    COCO = "coco"
    PSD = "psd"
    EXR = "exr"
    FFV1 = "ffv1"
    PRORES = "prores"
    WEBM = "webm"
    PREVIEW = "preview"


class Masks(StrEnum):
    ALPHA = "alpha"
    FOLDER = "folder"
    NONE = "none"


class Background(StrEnum):
    KEEP = "keep"
    WHITE = "white"
    PLATE = "plate"
    RANDOM = "random"


def convert(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that `trt-anime process` wrote.")],
    to: Annotated[To, typer.Option("--to", help="What to make of it.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for it.")],
    frames: Annotated[
        str, typer.Option(help="psd: which, such as 0,24,48  [default: the best of each shot]")
    ] = "",
    masks: Annotated[Masks, typer.Option(help="kohya: where masks go.")] = Masks.ALPHA,
    background: Annotated[
        Background, typer.Option(help="kohya: what is behind the character.")
    ] = Background.KEEP,
    trigger: Annotated[
        str, typer.Option(help="kohya: first word of captions  [default: the character's name]")
    ] = "",
    resolution: Annotated[int, typer.Option(help="kohya: side of the largest picture, if square.")] = 1024,
    margin: Annotated[float, typer.Option(help="kohya: around a character, share of its size.")] = 0.1,
    min_size: Annotated[int, typer.Option(help="kohya: leave out characters of fewer pixels.")] = 128,
    per_shot: Annotated[int, typer.Option(help="kohya: most pictures of a shot; 0: no limit.")] = 12,
    repeats: Annotated[int, typer.Option(help="kohya: repeats of a picture in an epoch.")] = 10,
    threads: Annotated[int, typer.Option(min=0, help="CPU cores to use; 0: all.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier conversion.")] = False,
) -> None:
    """Turn a run's layers into a training set, masks, layered pictures, videos or a preview."""
    from trt_anime.runtime.cores import usable_cores
    from trt_anime.runtime.delivery.kohya import TrainingOptions
    from trt_anime.runtime.results.reader import Results

    try:
        results = Results.open(folder)
        if to is To.KOHYA:
            options = TrainingOptions(
                masks=masks.value,
                background=background.value,
                trigger=trigger,
                resolution=resolution,
                margin=margin,
                min_size=min_size,
                per_shot=per_shot,
                repeats=repeats,
            )
            said = _kohya(results, output, options, overwrite)
        elif to is To.COCO:
            said = _coco(results, output, overwrite)
        elif to is To.PSD:
            said = _psd(results, output, _numbers(frames), overwrite)
        elif to is To.PREVIEW:
            said = _preview(results, output, threads or usable_cores(), overwrite)
        else:
            said = _videos(results, output, to.value, threads or usable_cores(), overwrite)
    except KeyboardInterrupt:
        note("interrupted: nothing is left half-written")
        raise typer.Exit(130) from None
    print(said)


def _kohya(results: "Results", output: Path, options: "TrainingOptions", overwrite: bool) -> str:
    from trt_anime.runtime.delivery.kohya import write_training_set

    with _progress("training set", 2 * results.frames) as advance:
        counts = write_training_set(
            results, output, options, overwrite=overwrite, notify=note, advance=advance
        )
    made = ", ".join(f"{count} of {name}" for name, count in counts.items())
    table = output / "dataset.toml"
    said = f"{table}: {sum(counts.values())} pictures ({made})"
    return (
        said if options.masks == "none" else f"{said}\n  train with --dataset_config {table} --masked_loss"
    )


def _coco(results: "Results", output: Path, overwrite: bool) -> str:
    from trt_anime.runtime.delivery.coco import FILE_NAME, write_coco

    with _progress("masks", results.frames) as advance:
        count = write_coco(results, output, overwrite=overwrite, notify=note, advance=advance)
    return f"{output / FILE_NAME}: {count} masks in {results.frames} frames"


def _psd(results: "Results", output: Path, frames: list[int], overwrite: bool) -> str:
    from trt_anime.runtime.delivery.psd import write_documents

    with _progress("documents", len(set(frames)) or len(results.shots)) as advance:
        made = write_documents(results, output, frames, overwrite=overwrite, advance=advance)
    return f"{output}: {len(made)} documents"


def _preview(results: "Results", output: Path, threads: int, overwrite: bool) -> str:
    from trt_anime.runtime.delivery.look_first import write_previews

    with _progress("preview", results.frames) as advance:
        made = write_previews(
            results, output, threads=threads, overwrite=overwrite, notify=note, advance=advance
        )
    return "\n".join(str(path) for path in made)


def _videos(results: "Results", output: Path, format: str, threads: int, overwrite: bool) -> str:
    from trt_anime.runtime.delivery.targets import check_files
    from trt_anime.runtime.delivery.video import outputs_of, pack, work_of

    check_files(outputs_of(results, output, format), overwrite=overwrite)
    with _progress("layers", work_of(results)) as advance:
        made = pack(results, output, format, threads=threads, notify=note, advance=advance)
    return "\n".join(f"{path}: {results.frames} frames" for path in made)


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",") if word.strip()]
    except ValueError as error:
        raise InputError(f"--frames {text}: not numbers of frames; write them as 0,24,48") from error


def _progress(title: str, total: int) -> "AbstractContextManager[Advance]":
    return progress(title, total=total, unit="frame")
