"""What inpainting networks want."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from trt_anime.export.recipes.sizes import SizeRule


@dataclass(frozen=True, kw_only=True)
class Inpainting:
    """What the authors' own code does around an inpainting network.

    colours = (picture / 255 - mean) / std, zero in the hole; the network's result is in the same scale.

    Attributes:
        size_rule: from frame size to network size.
        mean, std: of all three channels, after the division by 255.
        mask: where the network learns of the hole. ``hole_last``: N x 4 x H x W, the colours, then 1 in the
            hole and 0 elsewhere. ``keep_first``: -0.5 in the hole and 0.5 elsewhere, then the colours.
    """

    STAGE: ClassVar[str] = "inpaint"

    size_rule: SizeRule
    mean: float
    std: float
    mask: Literal["hole_last", "keep_first"]

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        hole = {
            "hole_last": "colours, then 1 in it",
            "keep_first": "-0.5 in it and 0.5 elsewhere, then colours",
        }
        return [
            ("input", self.size_rule.describe()),
            ("values", f"RGB / 255, minus {self.mean}, divided by {self.std}, zero in the hole"),
            ("hole", hole[self.mask]),
        ]
