"""What open-vocabulary detectors want."""

from dataclasses import dataclass
from typing import ClassVar, Literal

RGB = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What the authors' own code does before GroundingDINO.

    image = (picture / 255 - mean) / std, RGB, float32, on a canvas whose rest is 0 and masked.

    Attributes:
        canvas: (height, width) in pixels of what the network sees. The frame is scaled until it fits, its
            aspect ratio kept, and lies in the top left corner.
        mean, std: per channel, RGB, after the division.
        context: tokens that a prompt may have, its first and last included.
        deformable_attention: how it is written in the graph; see `lowerings`.
    """

    STAGE: ClassVar[str] = "detect"

    canvas: tuple[int, int]
    mean: RGB
    std: RGB
    context: int
    deformable_attention: Literal["gather", "grid_sample"] = "gather"

    def describe(self) -> str:
        """The size rule in words."""
        height, width = self.canvas
        return f"fitted into {width}x{height}, aspect ratio kept"

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        return [
            ("input", self.describe()),
            ("values", f"RGB / 255, minus {self.mean}, divided by {self.std}"),
            ("prompt", f"at most {self.context} tokens"),
        ]
