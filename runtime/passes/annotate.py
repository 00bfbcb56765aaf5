"""Stage 4: what is in the frames, over all of the clip at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from trt_anime.errors import InputError
from trt_anime.files import sha256_of
from trt_anime.runtime.annotation.annotate import annotate
from trt_anime.runtime.annotation.tools import Tools
from trt_anime.runtime.annotation.vocabulary import read_vocabulary
from trt_anime.runtime.annotation.wd_tagger import read_labels
from trt_anime.runtime.passes.choices import Annotation
from trt_anime.runtime.passes.context import Context, Made, OfShot
from trt_anime.runtime.results import places
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.results.shots import Shot


def check_files(chosen: Annotation) -> None:
    """Read the user's own files before hours of other work. Raises InputError: one can't be used."""
    if chosen.vocabulary is not None:
        read_vocabulary(chosen.vocabulary)
    if chosen.tagger is not None:
        if not chosen.tagger.is_file():
            raise InputError(f"{chosen.tagger}: does not exist; give the graph (ONNX) of a tagger")
        read_labels(labels_of(chosen.tagger))


def labels_of(tagger: Path) -> Path:
    """Where the words of a tagger lie."""
    return tagger.with_name("selected_tags.csv")


def contents_of(chosen: Annotation) -> dict[str, str]:
    """By setting, what the user's own files hold, wherever they lie. `check_files` was asked."""
    found: dict[str, list[Path]] = {}
    if chosen.vocabulary is not None:
        found["annotation.vocabulary"] = [chosen.vocabulary]
    if chosen.tagger is not None:
        found["annotation.tagger"] = [chosen.tagger, labels_of(chosen.tagger)]
    return {name: ", ".join(sha256_of(path)[:12] for path in paths) for name, paths in found.items()}


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """Raises what the tool `annotator` raises."""
    with context.tools.annotator(context) as tools:
        yield partial(_annotate, context, tools)


def _annotate(context: Context, tools: Tools, film: Shot) -> Made:
    folder = context.folder / places.ANNOTATION
    done = annotate(
        Results.open(context.folder, made_up=context.options.device == "null"),
        tools,
        folder,
        context.notify,
    )
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return Made(files, {"rows": done.rows, "described": done.described, "missing": list(done.missing)})
