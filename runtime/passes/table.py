"""The passes of a run, as data: which stage each is, how often it runs, what it reads and what it keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from trt_anime.runtime.passes import annotate, check, compose, find, plate, segment, track
from trt_anime.runtime.passes.choices import Choices
from trt_anime.runtime.passes.context import Context, Opened

STAGES = ("1", "2a", "2b", "2c", "3", "4")

Cadence = Literal["fresh frame", "key frame", "shot", "film"]
State = Literal["none", "shot", "film"]


@dataclass(frozen=True)
class Pass:
    """A pass.

    Attributes:
        stages: those that it works for; it runs if one of them does.
        cadence: what it computes for; one for the film goes over it once, not shot by shot.
        state: what it remembers while it goes over the clip.
        reads: passes whose results it takes, where there are any.
        choices: the part of the choices that decides its results.
        open: gives what makes one shot, until its block ends.
        transient: its results are for other passes only, and go with the folder `work`.
    """

    name: str
    stages: tuple[str, ...]
    cadence: Cadence
    state: State
    reads: tuple[str, ...]
    choices: Callable[[Choices], object]
    open: Callable[[Context], Opened]
    transient: bool = False


MATTE = "matte"  # stage 2a's network; it goes through the pipeline, not shot by shot

# In the order in which they run.
PASSES: tuple[Pass, ...] = (
    Pass("segment", ("1",), "key frame", "none", (MATTE,), lambda c: c.segmentation, segment.opened),
    Pass(
        *("track", ("3",), "fresh frame", "film", (MATTE, "segment")),
        lambda c: (c.tracking, c.segmentation),
        track.opened,
    ),
    Pass("find", ("2b",), "fresh frame", "none", (), lambda c: c.effects, find.opened, transient=True),
    Pass(
        *("plate", ("2c",), "shot", "shot", (MATTE, "track", "find")),
        lambda c: c.plates,
        plate.opened,
    ),
    Pass(
        *("compose", ("2a", "2b"), "fresh frame", "shot", (MATTE, "track", "find", "plate")),
        lambda c: (c.characters.layout, c.effects),
        compose.opened,
    ),
    Pass(
        "check", ("2a", "2b", "2c"), "fresh frame", "none", ("compose", "plate"), lambda c: (), check.opened
    ),
    Pass(
        *("annotate", ("4",), "film", "film", ("track", "compose")),
        lambda c: c.annotation,
        annotate.opened,
    ),
)

# Stage -> groups of stages of which each has to run with it, or to have left its results here before.
NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "1": (),
    "2a": (),
    "2b": (),
    "2c": (("2a", "3"),),
    "3": (("1",),),
    "4": (),
}
