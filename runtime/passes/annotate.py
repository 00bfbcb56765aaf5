"""Stage 4: what is in the frames, over all of the clip at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from trt_anime.runtime.annotation.annotate import annotate
from trt_anime.runtime.annotation.tools import Tools
from trt_anime.runtime.passes.context import Context, Made, OfShot
from trt_anime.runtime.results import places
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.results.shots import Shot


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
