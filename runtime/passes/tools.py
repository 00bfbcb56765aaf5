"""Where a run's networks come from. A test, or a measurement of the rest of the chain, brings its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trt_anime.runtime.annotation.tools import Tools as Annotator
    from trt_anime.runtime.characters.propagation import Propagator
    from trt_anime.runtime.passes.context import Context
    from trt_anime.runtime.passes.finders import Finder
    from trt_anime.runtime.passes.segment import Segment
    from trt_anime.runtime.plates.filling import Fill


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What passes work with: functions of the run's context that open it until a block ends.

    Attributes:
        matte: writes every frame's matte to `context.matte_folder`, calls back with the number of frames
            just written, and returns what ran, as `run.json` has it.
        segmenter: of stage 1. propagator: of stage 3. finder: of stage 2b. fill: of stage 2c. annotator: of
            stage 4.
    """

    matte: Callable[[Context, Callable[[int], None]], list[dict[str, Any]]]
    segmenter: Callable[[Context], AbstractContextManager[Segment]]
    propagator: Callable[[Context], AbstractContextManager[Propagator]]
    finder: Callable[[Context], AbstractContextManager[Finder]]
    fill: Callable[[Context], AbstractContextManager[Fill]]
    annotator: Callable[[Context], AbstractContextManager[Annotator]]
