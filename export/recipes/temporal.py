"""What networks that follow objects want."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """Frames of one size, as all shapes follow from it.

    Attributes:
        height, width: of the frames, in pixels.
        short_side: about how much of it the network sees, in pixels; each network rounds by its own rule.
    """

    STAGE: ClassVar[str] = "temporal"

    height: int
    width: int
    short_side: int

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        return [("input", f"frames of {self.width} x {self.height}, RGB, seen at about {self.short_side}p")]
