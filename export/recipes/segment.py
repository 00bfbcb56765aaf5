"""What segmentation networks are and want."""

from dataclasses import dataclass
from typing import ClassVar, Literal

RGB = tuple[float, float, float]
Task = Literal["panoptic", "instance", "semantic"]
Backbone = Literal["tiny", "small", "base", "large"]

_STRIDE = 32  # of the backbone's last stage
_ASPECT = 16 / 9


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """One published head of Mask2Former on one backbone.

    input = (picture / 255 - mean) / std, N x 3 x H x W, RGB, float32, the whole frame stretched to
    `network_size`. The published processors stretch it to 384 x 384; film is 16:9, so here it becomes as
    high and wider, which keeps its shape.

    Attributes:
        task: what the head was trained for; decides how its output becomes `index`.
        backbone: size of the Swin transformer.
        queries: how many segments the network proposes.
        labels: class names by index.
        things: of the labels, how many come first that name things which can be counted; all that follow
            are stuff, of which there is one segment a frame.
        short_side: height of the network's input; its width follows.
        slots: most candidates that compete for pixels at frame size, the best ones by score; the time and
            memory after the network grow with it. Exact as long as no frame has more.
        mask_threshold: from which probability on a pixel counts to a mask's own area.
        mean, std: per channel, RGB, after the division by 255.
    """

    STAGE: ClassVar[str] = "segment"

    task: Task
    backbone: Backbone
    queries: int
    labels: tuple[str, ...]
    things: int
    short_side: int = 384
    slots: int = 32
    mask_threshold: float = 0.5
    deformable_attention: Literal["gather", "grid_sample"] = "gather"
    mean: RGB = (0.485, 0.456, 0.406)
    std: RGB = (0.229, 0.224, 0.225)

    @property
    def network_size(self) -> tuple[int, int]:
        """(height, width) in pixels, whole multiples of 32."""
        return self.short_side, round(self.short_side * _ASPECT / _STRIDE) * _STRIDE

    def describe(self) -> str:
        """The size rule in words, for people."""
        height, width = self.network_size
        return f"stretch to {width}x{height}"

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        mean, std = (", ".join(map(str, values)) for values in (self.mean, self.std))
        return [
            ("input", self.describe()),
            ("values", f"RGB / 255, minus {mean}, divided by {std}"),
            ("task", f"{self.task}, {self.queries} queries"),
            ("names", f"{len(self.labels)} classes, from {self.labels[0]} to {self.labels[-1]}"),
        ]
