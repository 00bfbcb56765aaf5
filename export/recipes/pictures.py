"""How an encoder of pictures wants them."""

from dataclasses import dataclass
from typing import Literal

RGB = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """What the published preprocessing does to a picture: resize, crop, normalise.

    input = (resized / 255 - mean) / std, N x 3 x side x side, RGB, float32; the resize is antialiased.

    Attributes:
        resize: pixels. Without `crop`, the picture is stretched to `resize` x `resize`. With it, the aspect
            ratio is kept and the short side becomes `resize`.
        crop: side of the square that is then cut out of the middle.
        kernel: of the resize.
        mean, std: per channel, RGB, after the division by 255.
    """

    resize: int
    crop: int | None = None
    kernel: Literal["linear", "cubic"]
    mean: RGB
    std: RGB

    @property
    def side(self) -> int:
        """Of the square that the network sees, in pixels."""
        return self.crop or self.resize

    def describe(self) -> str:
        """In words, for people."""
        if self.crop is None:
            return f"stretch to {self.resize}x{self.resize}"
        return f"short side {self.resize}, {self.crop}x{self.crop} out of the middle"

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        return [
            ("input", self.describe()),
            ("kernel", f"{self.kernel}, antialiased"),
            ("values", f"RGB / 255, minus {_words(self.mean)}, divided by {_words(self.std)}"),
        ]


def _words(values: RGB) -> str:
    return " ".join(f"{value:g}" for value in values)
