"""What networks want that draw the mask of what a box encloses."""

from dataclasses import dataclass
from typing import ClassVar, Literal

RGB = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Masking:
    """What the authors' own code does around a network that is asked with boxes.

    image = (picture / 255 - mean) / std, N x 3 x side x side, RGB, float32.

    Attributes:
        fit: ``corner``: the aspect ratio is kept, the long side becomes `side` (small frames are enlarged),
            the picture lies in the upper left corner and zeros, in the network's values, fill the rest.
            ``stretch``: to `side` x `side`, the aspect ratio is ignored.
        side: height and width of the network's image.
        mean, std: per channel, RGB.
        prompts: boxes per frame that an engine takes; other sessions take any number.
    """

    STAGE: ClassVar[str] = "mask"

    fit: Literal["corner", "stretch"]
    side: int
    mean: RGB
    std: RGB
    prompts: int

    def describe(self) -> str:
        """The way from frame size to network size, in words for people."""
        if self.fit == "corner":
            return f"long side {self.side}, zeros below and right up to {self.side}x{self.side}"
        return f"stretch to {self.side}x{self.side}"

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        return [
            ("input", self.describe()),
            ("values", f"RGB / 255, minus {self.mean}, divided by {self.std}"),
            ("boxes", f"any number for each frame, {self.prompts} in an engine"),
        ]
