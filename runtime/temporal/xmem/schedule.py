"""Which frames are segmented, memorised, and change the sensory memory how."""

from dataclasses import dataclass

from trt_anime.runtime.temporal.xmem.options import MemoryOptions


@dataclass(frozen=True)
class Moment:
    """What is to be done with one frame.

    Attributes:
        segment: predict masks, which needs a memory.
        keep_sensory: the decoder's sensory memory replaces the old one.
        memorise: encode the frame's value and add it to the memory.
        deep: the value encoder's sensory memory replaces the old one.
    """

    segment: bool
    keep_sensory: bool
    memorise: bool
    deep: bool


class Schedule:
    """The published rules. One object goes through one clip."""

    def __init__(self, options: MemoryOptions) -> None:
        self._options = options
        self._time = -1
        self._memorised = 0
        self._deepened = -(options.deep_update_every or 0)  # so that the first frame qualifies

    def next(self, *, mask: bool, complete: bool, last: bool) -> Moment:
        """Go on by one frame.

        Args:
            mask: one is given for this frame, of some objects.
            complete: it is given for all of them, so that there is nothing to predict.
            last: nothing comes after this frame, so nothing is to be remembered of it.
        """
        self._time += 1
        options = self._options
        apart = options.deep_update_every
        memorise = (mask or self._time - self._memorised >= options.memorise_every) and not last
        due = memorise if apart is None else self._time - self._deepened >= apart
        deep = due and memorise
        segment = self._time > 0 and not complete
        # With updates of their own, a due deep update doesn't take the normal one's place.
        keep_sensory = segment and not last and not (apart is None and deep)
        if memorise:
            self._memorised = self._time
        if deep:
            self._deepened = self._time
        return Moment(segment, keep_sensory, memorise, deep)
