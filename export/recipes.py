"""How a published network wants its pictures, and what it gives: data, one kind of recipe a stage."""

from dataclasses import dataclass
from typing import Literal

RGB = tuple[float, float, float]


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

    size_rule: SizeRule
    resample: Literal["linear", "linear_antialias", "area"]
    scale: Literal["image_max", "255"]
    mean: RGB
    std: RGB
    output: Literal["min_max", "sigmoid", "none"]


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

    size_rule: SizeRule
    mean: float
    std: float
    mask: Literal["hole_last", "keep_first"]


Recipe = Preprocess | Inpainting
