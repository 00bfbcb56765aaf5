"""Stage 2b, first half: where effects are, as heat for each prompt."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from trt_anime.runtime.passes.context import Context, Made, OfShot, heat_folder
from trt_anime.runtime.passes.finders import Finder, folder_of
from trt_anime.runtime.results.places import frame_name
from trt_anime.runtime.results.planes import write_frame
from trt_anime.runtime.results.shots import Shot
from trt_anime.runtime.streams import Writers


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """Heat of every fresh frame, below `work`. Raises what the tool `finder` raises."""
    with context.tools.finder(context) as found:
        yield partial(_find, context, found)


def _find(context: Context, found: Finder, shot: Shot) -> Made:
    files = []
    with Writers.open(context.options.cores) as writers:
        for index, rgb in context.frames(shot):
            for prompt, heat in found.heat(index, rgb).items():
                folder = heat_folder(context.folder, folder_of(prompt))
                writers.do(partial(write_frame, folder, [index], heat))
                files.append(folder / frame_name(index))
    return Made(files)
