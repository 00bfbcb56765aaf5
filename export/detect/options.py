"""How a published detector wants its pictures and its text: data."""

from dataclasses import dataclass

RGB = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What the authors' own code does around GroundingDINO.

    image = (picture / 255 - mean) / std, RGB, float32, on a canvas whose rest is 0 and masked.

    Attributes:
        canvas: (height, width) in pixels of what the network sees. The frame is scaled until it fits, its
            aspect ratio kept, and lies in the top left corner.
        mean, std: per channel, RGB, after the division.
        context: tokens that a prompt may have, its first and last included.
    """

    canvas: tuple[int, int]
    mean: RGB
    std: RGB
    context: int

    def describe(self) -> str:
        """The size rule in words, for people."""
        height, width = self.canvas
        return f"fitted into {height}x{width}, the aspect ratio kept"


# The published rule is a short side of 800 unless the long side would be above 1333. At 16:9, which nearly
# all frames have, that is 750x1333; the backbone pads and splits by the size, so its graph has one.
PUBLISHED = Detection(
    canvas=(750, 1333), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), context=256
)
