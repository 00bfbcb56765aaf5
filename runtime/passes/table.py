"""The passes of a run, as data: which stage each is, how often it runs, what it reads and what it keeps."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from trt_anime.runtime.passes import (
    annotate,
    characters,
    check,
    effects,
    find,
    plate,
    segment,
    track,
)
from trt_anime.runtime.passes.choices import Choices
from trt_anime.runtime.passes.context import Context, Opened
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import TRACKS

Cadence = Literal["fresh frame", "key frame", "shot", "film"]
State = Literal["none", "shot", "film"]


@dataclass(frozen=True, kw_only=True)
class Pass:
    """A pass.

    Attributes:
        stages: those that it works for; it runs if one of them does.
        cadence: what it computes for; one for the film goes over it once, not shot by shot.
        state: what it remembers while it goes over the clip.
        reads: passes whose results it takes, where there are any.
        choices: the parts of the choices that decide its results.
        networks: of these stages it runs the networks.
        open: gives what makes one shot, until its block ends.
        transient: its results are for other passes only, and go with the folder `work`.
        table: below the output folder, what is written anew with each shot, beside each shot's own files.
        passive: it has no results that a second run could be mixed with: it only looks at others'.
    """

    name: str
    stages: tuple[str, ...]
    cadence: Cadence
    state: State
    reads: tuple[str, ...]
    choices: Callable[[Choices], Sequence[object]]
    open: Callable[[Context], Opened]
    networks: tuple[str, ...] = ()
    table: str = ""
    transient: bool = False
    passive: bool = False

    def shots_at_once(self, cores: int) -> int:
        """How many shots it works on at a time, on so many cores.

        One that computes for the shot as a whole has little else to give many cores to do; the others hand
        their frames to a pool. Each shot takes memory: a few are enough.
        """
        return max(1, min(4, cores // 4)) if self.cadence == "shot" else 1


MATTE = "matte"  # stage 2a's network; it goes through the pipeline, not shot by shot

# In the order in which they run.
PASSES: tuple[Pass, ...] = (
    Pass(
        name="segment",
        stages=("1",),
        cadence="key frame",
        state="none",
        reads=(MATTE,),
        choices=lambda c: [c.segmentation],
        open=segment.opened,
        networks=("1",),
        table=f"{places.SEGMENTS}/{segment.TABLE}",
    ),
    Pass(
        name="track",
        stages=("3",),
        cadence="fresh frame",
        state="film",
        reads=(MATTE, "segment"),
        choices=lambda c: [c.tracking, c.segmentation],
        open=track.opened,
        networks=("1", "3"),
        table=f"{places.TRACKS}/{TRACKS}",
    ),
    Pass(
        name="find",
        stages=("2b",),
        cadence="fresh frame",
        state="none",
        reads=(),
        choices=lambda c: [c.effects],
        open=find.opened,
        networks=("2b",),
        transient=True,
    ),
    Pass(
        name="plate",
        stages=("2c",),
        cadence="shot",
        state="shot",
        reads=(MATTE, "track", "find"),
        choices=lambda c: [c.plates],
        open=plate.opened,
        networks=("2c",),
    ),
    Pass(
        name="effects",
        stages=("2b",),
        cadence="fresh frame",
        state="shot",
        reads=(MATTE, "track", "find", "plate"),
        choices=lambda c: [c.effects],
        open=effects.opened,
    ),
    Pass(
        name="characters",
        stages=("2a",),
        cadence="fresh frame",
        state="shot",
        reads=(MATTE, "track", "plate", "effects"),
        choices=lambda c: [c.characters],
        open=characters.opened,
    ),
    Pass(
        name="check",
        stages=("2a", "2b", "2c"),
        cadence="fresh frame",
        state="none",
        reads=("characters", "effects", "plate"),
        choices=lambda c: [],
        open=check.opened,
        passive=True,
    ),
    Pass(
        name="annotate",
        stages=("4",),
        cadence="film",
        state="film",
        reads=("track", "characters"),
        choices=lambda c: [c.annotation],
        open=annotate.opened,
        networks=("4",),
    ),
)


def networks_of(stages: Collection[str]) -> list[str]:
    """Stages whose networks run where these stages are wanted; in their order."""
    wanted = {number for one in PASSES if set(one.stages) & set(stages) for number in one.networks}
    wanted |= {"2a"} & set(stages)
    return [stage for stage in places.FOLDERS if stage in wanted]


# Stage -> groups of stages of which each has to run with it, or to have left its results here before.
NEEDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "1": (),
    "2a": (),
    "2b": (),
    "2c": (("2a", "3"),),
    "3": (("1",),),
    "4": (),
}
