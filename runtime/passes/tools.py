"""Where a run's networks come from. A test, or a measurement of the rest of the chain, brings its own."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trt_anime.runtime.passes import sources
from trt_anime.runtime.passes.finders import Finder
from trt_anime.runtime.passes.matte import matte

if TYPE_CHECKING:
    from trt_anime.runtime.passes.context import Context


@dataclass(frozen=True)
class Tools:
    """Functions of the run's context, each for one stage; see those of `NETWORKS`.

    Attributes:
        matte: writes every frame's matte to `context.matte_folder`, and returns what ran.
        segmenter, propagator, finder, fill, annotator: open what the pass of that stage works with.
    """

    matte: "Callable[[Context, Callable[[int], None]], list[dict[str, Any]]]"
    finder: "Callable[[Context], AbstractContextManager[Finder]]"


NETWORKS = Tools(matte=matte, finder=sources.finder)
