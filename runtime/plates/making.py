"""A shot's plate from beginning to end."""

from collections.abc import Iterator
from dataclasses import replace

from trt_anime.runtime.plates.filling import Fill, filled
from trt_anime.runtime.plates.gathering import gathered
from trt_anime.runtime.plates.layout import pieces_of
from trt_anime.runtime.plates.motions import motions_of
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.seen import Frames


def plates_of(frames: Frames, fill: Fill) -> Iterator[Plate]:
    """The shot's plate; more than one, for runs of its frames, where it goes over too much for one.

    Goes over the frames four times. Only one plate is held at a time, if the caller lets go of it.
    """
    for number, motions in enumerate(pieces_of(motions_of(frames)), start=1):
        yield replace(filled(gathered(frames, motions), fill), piece=number)
