"""What networks that follow objects want."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """Frames of one size, as all shapes follow from it.

    Attributes:
        height, width: of the frames, in pixels; the network sees less of them, by its own rule.
    """

    STAGE: ClassVar[str] = "temporal"

    height: int
    width: int

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        return [
            ("input", f"frames of {self.width} x {self.height}, RGB, less of them by the network's rule")
        ]
