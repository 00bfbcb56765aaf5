"""A shot's plate from beginning to end."""

from collections.abc import Iterator
from dataclasses import replace

from trt_anime.runtime.plates.dimming import dimmed
from trt_anime.runtime.plates.filling import Fill, filled
from trt_anime.runtime.plates.finishing import finished
from trt_anime.runtime.plates.gathering import gathered
from trt_anime.runtime.plates.layout import pieces_of
from trt_anime.runtime.plates.motions import Motions, followed
from trt_anime.runtime.plates.parallax import sheets_of
from trt_anime.runtime.plates.plate import Plate
from trt_anime.runtime.plates.seen import Frames, Seen

_SUSPICIOUS = 0.02
"""Share of the background's telling places that move otherwise, above which there may be a second sheet."""


def plates_of(frames: Frames, fill: Fill) -> Iterator[Plate]:
    """The shot's plate; more than one, for runs of its frames, where it goes over too much for one.

    Goes over the frames four times; once more where there are effects, and more often where something
    moves otherwise than the rest, see `sheets_of`. Only one plate is held at a time, if the caller lets go
    of it.
    """
    lit = False

    def noting() -> Iterator[Seen]:
        nonlocal lit
        for seen in frames():
            lit = lit or seen.lit is not None
            yield seen

    motions, apart = followed(noting)
    for number, piece in enumerate(pieces_of(motions), start=1):
        open_ = dimmed(frames, piece) if lit else frames
        yield replace(_plate(open_, piece, apart, fill), piece=number)


def _plate(frames: Frames, motions: Motions, apart: float, fill: Fill) -> Plate:
    pair = sheets_of(frames, motions) if apart > _SUSPICIOUS else None
    if pair is None:
        return filled(gathered(frames, motions), fill)
    return finished(pair, motions, fill)
