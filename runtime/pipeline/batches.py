"""Batches: which frames of the clip share which pictures, and where the pictures are."""

from dataclasses import dataclass, field

from trt_anime.runtime.media.frames import DeepPixels, Stamp
from trt_anime.runtime.pipeline.slots import Slot


@dataclass(frozen=True)
class Picture:
    """One row of a slot, and every place in time that shows it.

    Attributes:
        stamps: the fresh frame's, then those of the held frames after it.
        deep: the source frame with more than 8 bits, where a sink keeps them.
        shot_start: a new shot begins with it.
    """

    stamps: list[Stamp]
    deep: DeepPixels | None
    shot_start: bool


@dataclass(frozen=True)
class Batch:
    """Pictures of one segment, in clip order, in one slot."""

    slot: Slot
    segment: int
    pictures: list[Picture] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.pictures)


@dataclass
class Tally:
    """What a run has done so far; seconds are busy time, summed over threads.

    Attributes:
        frames: written.
        computed: pictures that went through the stages; the other frames were held.
        stage_s: by stage number, on the device.
        batches: that went through the stages.
    """

    frames: int = 0
    computed: int = 0
    decode_s: float = 0.0
    look_ahead_s: float = 0.0
    submit_s: float = 0.0
    encode_s: float = 0.0
    stage_s: dict[str, float] = field(default_factory=dict)
    batches: int = 0
