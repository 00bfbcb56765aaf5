"""How large AOT's graphs are: fixed when they are made, as engines want it."""

from dataclasses import dataclass

from trt_anime.errors import InputError

LONGEST_SIDE = 1040  # pixels that the network sees at most; the published results were got with it
STRIDE = 16
MOST_OBJECTS = 10  # that the published weights tell apart in one pass
MOST_LABELS = 255  # that a plane of bytes holds besides the background


@dataclass(frozen=True, kw_only=True)
class AotShape:
    """The fixed sizes of one set of graphs.

    Attributes:
        height, width: of a frame, in pixels.
        slots: frames that the long-term memory holds.
        objects: that one pass follows, 1 to 10.
        passes: how many passes there may be for each frame; together they follow `objects` * `passes`.
        longest_side: of what the network sees, in pixels.

    Raises:
        InputError: a number is out of its range.
    """

    height: int
    width: int
    slots: int = 8
    objects: int = MOST_OBJECTS
    passes: int = 1
    longest_side: int = LONGEST_SIDE

    def __post_init__(self) -> None:
        if not 1 <= self.objects <= MOST_OBJECTS:
            raise InputError(
                f"One pass of AOT follows 1 to {MOST_OBJECTS} objects, not {self.objects}; "
                "ask for more passes."
            )
        if self.objects * self.passes > MOST_LABELS:
            raise InputError(
                f"{self.passes} passes of {self.objects} objects are more than {MOST_LABELS} labels; "
                "ask for fewer passes."
            )
        if min(self.height, self.width, self.slots, self.passes) < 1 or self.longest_side <= STRIDE:
            raise InputError(
                f"AOT's graphs need a frame, a slot, a pass and a longest side above {STRIDE} pixels; "
                f"correct {self}."
            )

    @property
    def network_size(self) -> tuple[int, int]:
        """(height, width) in pixels that the network sees: not above `longest_side` by more than half a
        stride, and 16k + 1 a side."""
        scale = min(1.0, self.longest_side / max(self.height, self.width))
        return _nearest(int(self.height * scale)), _nearest(int(self.width * scale))

    @property
    def map_size(self) -> tuple[int, int]:
        """(height, width) in tokens."""
        return self.size_at(STRIDE)

    def size_at(self, stride: int) -> tuple[int, int]:
        """(height, width) of the encoder's map that is so many times smaller than what the network sees."""
        height, width = self.network_size
        return (height - 1) // stride + 1, (width - 1) // stride + 1

    @property
    def tokens(self) -> int:
        """Of one frame."""
        height, width = self.map_size
        return height * width

    def describe(self) -> str:
        """In words, for people."""
        height, width = self.network_size
        return f"{self.width}x{self.height} frames seen at {width}x{height}"


def _nearest(length: int) -> int:
    """The nearest length of the form 16k + 1, ties to an even k, but not below 17."""
    return max(round((length - 1) / STRIDE), 1) * STRIDE + 1
