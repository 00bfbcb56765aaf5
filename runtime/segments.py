"""A finished part of the results: the pipeline reports it, the ledger keeps it."""

from dataclasses import dataclass

from trt_anime.runtime.media.frames import Stamp
from trt_anime.runtime.media.sinks import Piece


@dataclass(frozen=True)
class Finished:
    """A segment whose files are whole.

    Attributes:
        number: zero-based.
        stamps: of its frames, in clip order.
        pieces: its files, by sink in the order of the run's sinks.
        computed: how many pictures went through the stages; the other frames were held.
        shots: indices of frames that begin a shot.
    """

    number: int
    stamps: tuple[Stamp, ...]
    pieces: tuple[tuple[Piece, ...], ...]
    computed: int
    shots: tuple[int, ...]
