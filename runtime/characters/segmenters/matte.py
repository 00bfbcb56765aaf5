"""Characters without any network but the matte's: its connected parts."""

from trt_anime.errors import InputError
from trt_anime.runtime.characters.found import Found, Frame, Matte, found_of
from trt_anime.runtime.characters.parts import matte_parts


class MatteSegmenter:
    """Two characters that touch are one segment."""

    def segment(self, frame: Frame, matte: Matte | None) -> Found:
        """See `Segmenter.segment`."""
        return found_of(matte_parts(required(matte)))


def required(matte: Matte | None) -> Matte:
    """Raises InputError: there is none."""
    if matte is None:
        raise InputError("stage 1 finds characters by their matte, and there is none; run stage 2a as well")
    return matte
