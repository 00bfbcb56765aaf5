"""What matting networks want."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from trt_anime.export.recipes.sizes import SizeRule

RGB = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """What the authors' own code does before and after a matting network.

    input = (picture / divisor - mean) / std, N x 3 x H x W, RGB, float32.

    Attributes:
        size_rule: from frame size to network size.
        resample: kernel of the resize, both to the network's size and back.
        scale: the divisor: ``image_max`` is the largest value in that picture, ``255`` is 255.
        mean: per channel, RGB, after the division.
        std: per channel, RGB.
        output: ``min_max``: the map is stretched so that its lowest value becomes 0 and its highest 1
            (a constant map has nothing to stretch). ``sigmoid``: the network ends in logits. ``none``:
            the map is the matte. All networks and files here end in the sigmoid themselves.
    """

    STAGE: ClassVar[str] = "matte"

    size_rule: SizeRule
    resample: Literal["linear", "linear_antialias", "area"]
    scale: Literal["image_max", "255"]
    mean: RGB
    std: RGB
    output: Literal["min_max", "sigmoid", "none"]

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        rule = self.size_rule
        fit = {
            "stretch": f"{rule.side} x {rule.side}, aspect ratio ignored",
            "letterbox": f"{rule.side} x {rule.side}, aspect ratio kept, zeros around",
            "short_side": f"short side {rule.side}, aspect ratio kept, multiples of {rule.multiple_of}",
            "long_side": f"long side {rule.side}, aspect ratio kept, multiples of {rule.multiple_of}",
        }[rule.fit]
        divisor = {"image_max": "the picture's maximum", "255": "255"}[self.scale]
        resize = {"linear": "linear", "linear_antialias": "anti-aliased linear", "area": "area"}
        output = {"min_max": "stretched to 0..1 per picture", "sigmoid": "sigmoid", "none": "as it is"}
        return [
            ("input", f"{fit}, {resize[self.resample]} resize"),
            ("values", f"RGB / {divisor}, minus {self.mean}, divided by {self.std}"),
            ("output", output[self.output]),
        ]
