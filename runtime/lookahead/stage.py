"""The look-ahead: for each decoded frame, what is known of it before any stage has seen it."""

from dataclasses import dataclass

from trt_anime.errors import InputError
from trt_anime.runtime.lookahead.held import LIMITS, HeldFrames
from trt_anime.runtime.lookahead.reduced import Reduced
from trt_anime.runtime.lookahead.shots import PRIMING_FRAMES as PRIMING_FRAMES
from trt_anime.runtime.lookahead.shots import Shots
from trt_anime.runtime.media.frames import Pixels


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a frame.

    Attributes:
        repeat: the last fresh frame's results hold for it.
        shot_start: a new shot begins with it. Such a frame is never a repeat.
    """

    repeat: bool
    shot_start: bool


class LookAhead:
    """Judges frames in clip order, each as it comes. No array is kept, only small copies.

    Promised: `repeat` depends on the frames since `begin_segment`, and on where shots begin;
    `shot_start` on the frame and the `PRIMING_FRAMES` before it. So a run that starts in mid-clip,
    primed, gives what a run from the start gives.
    """

    def __init__(self, *, preset: str, held: bool = True) -> None:
        """Args:
            preset: `fast`, `balanced` or `quality`: how different a repeat may be.
            held: without it no frame is a repeat.

        Raises:
            InputError: no such preset.
        """
        if preset not in LIMITS:
            raise InputError(f"preset {preset!r}: no such preset; choose one of {', '.join(LIMITS)}")
        self._held = HeldFrames(LIMITS[preset]) if held else None
        self._shots = Shots()

    def prime(self, rgb: Pixels) -> None:
        """Show a frame before the first one judged; all of the `PRIMING_FRAMES` there are, in order.

        `rgb`: uint8 [height, width, 3], 0..255, RGB.
        """
        self._shots.begins(Reduced.of(rgb))

    def begin_segment(self) -> None:
        """The next frame is fresh, whatever it shows; shots go on."""
        if self._held is not None:
            self._held.forget()

    def judge(self, rgb: Pixels) -> Verdict:
        """`rgb`: uint8 [height, width, 3], 0..255, RGB; not kept, and free after the call."""
        frame = Reduced.of(rgb)
        begins = self._shots.begins(frame)
        if self._held is None:
            return Verdict(repeat=False, shot_start=begins)
        if begins:
            self._held.forget()
        return Verdict(repeat=self._held.holds(frame), shot_start=begins)
