"""Time stamps of an image sequence, for the tools that make it a video again."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from trt_anime.runtime.media.frames import Stamp
from trt_anime.runtime.media.pieces import placing


def write_timecodes(path: Path, stamps: Sequence[Stamp], time_base: Fraction) -> None:
    """One line for each frame, in milliseconds to the nearest nanosecond ("timestamp format v2").

    mkvmerge and other tools read it as ``--timestamps``. Raises OutputError.
    """
    lines = ["# timestamp format v2", *(_milliseconds(stamp.pts * time_base) for stamp in stamps)]
    with placing(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="ascii", newline="\n")


def _milliseconds(seconds: Fraction) -> str:
    nanoseconds = round(seconds * 10**9)
    whole, part = divmod(abs(nanoseconds), 10**6)
    return f"{'-' if nanoseconds < 0 else ''}{whole}.{part:06d}"
