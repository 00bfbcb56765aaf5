"""From the frame's size to the network's."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class SizeRule:
    """How a frame becomes the network's input size, in pixels.

    Attributes:
        fit: ``stretch``: to `side` x `side`, the aspect ratio is ignored. ``letterbox``: the long side
            becomes `side`, the picture is centred (offset = padding // 2) on a zero canvas of
            `side` x `side`. ``short_side``: the aspect ratio is kept and the short side becomes `side`;
            a frame whose long side is at least and whose short side is at most `side` keeps its size;
            then both sides are rounded down to `multiple_of`. ``long_side``: the aspect ratio is kept and
            the long side becomes `side`, unless it is shorter; then both sides become the nearest multiple
            of `multiple_of`, two of it at least.
        side: the length meant above.
        multiple_of: height and width of the network's input must be multiples of it.
    """

    fit: Literal["stretch", "letterbox", "short_side", "long_side"]
    side: int
    multiple_of: int

    def describe(self) -> str:
        """In words, for people."""
        if self.fit == "short_side":
            return f"short side {self.side}, both sides multiples of {self.multiple_of}"
        if self.fit == "long_side":
            return f"long side at most {self.side}, both sides multiples of {self.multiple_of}"
        return f"{self.fit} to {self.side}x{self.side}"

    @property
    def network_size(self) -> tuple[int, int] | None:
        """(height, width) in pixels that frames are brought to; None where that depends on the frame."""
        return (self.side, self.side) if self.fit in ("stretch", "letterbox") else None
