"""What a recorder keeps of one run."""

from dataclasses import dataclass, field
from typing import NamedTuple

from trt_anime.runtime.passes.timed import COPY_IN as COPY_IN
from trt_anime.runtime.passes.timed import COPY_OUT as COPY_OUT
from trt_anime.runtime.pipeline.plan import Item

# Work on the device, beside copies and the host's in `pipeline.recorder`. A stage's has its number.
STAGE = "stage "  # followed by its number
SLOT = "slot"  # from the moment it is taken until its batch is written


class Span(NamedTuple):
    """One piece of work.

    Attributes:
        what: a constant of `pipeline.recorder` or of this module.
        track: the thread, the device's stream or the slot.
        start_s, end_s: of `time.perf_counter`.
        frame: index in the clip of the first frame that it was for; -1: none.
        layers: those encoded or copied.
    """

    what: str
    track: str
    start_s: float
    end_s: float
    frame: int
    layers: str = ""

    @property
    def seconds(self) -> float:
        return self.end_s - self.start_s


class Sample(NamedTuple):
    """Of the process and its machine.

    Attributes:
        resident_bytes: RAM that it takes.
        cpu_s: CPU seconds so far, over all threads.
        machine_s: CPU seconds of all programs so far; 0 where the system doesn't tell.
    """

    at_s: float
    resident_bytes: int
    cpu_s: float
    machine_s: float


class Written(NamedTuple):
    """A batch was written.

    Attributes:
        frame: its first.
        frames: of the clip that its pictures show, held ones included.
        pictures: that went through the stages.
    """

    at_s: float
    frame: int
    frames: int
    pictures: int


@dataclass(frozen=True)
class StageFacts:
    """A stage as it ran.

    Attributes:
        file: of the stage graph or the engine; empty where there is none.
        needs: numbers of the stages that it waits for.
        layers: that it gives.
    """

    number: str
    model: str
    provider: str
    library: str
    precision: str
    file: str
    sha256: str
    parallel: int
    threads_per_run: int
    needs: tuple[str, ...]
    layers: tuple[str, ...]


@dataclass
class Recording:
    """One run.

    Attributes:
        depth: slots.
        lanes: batches computed at once.
        batch: pictures in a full one.
        copy_bytes: what one full batch copies, by ``copy in`` or ``copy out``.
    """

    device: str = ""
    title: str = ""
    depth: int = 0
    lanes: int = 0
    batch: int = 0
    stages: tuple[StageFacts, ...] = ()
    plan: tuple[Item, ...] = ()
    copy_bytes: dict[str, int] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)

    def of(self, what: str) -> list[Span]:
        return [span for span in self.spans if span.what == what]
