"""What networks want that describe a picture by one vector."""

from dataclasses import dataclass
from typing import ClassVar

from trt_anime.export.recipes.pictures import Picture


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """A picture and, for networks that have a side for words, texts.

    Attributes:
        picture: how the picture is brought to the network.
        context: tokens of a text that the network reads; None where it reads no texts.
    """

    STAGE: ClassVar[str] = "embed"

    picture: Picture
    context: int | None = None

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        text = [] if self.context is None else [("text", f"{self.context} tokens at most")]
        return [*self.picture.facts(), *text]
