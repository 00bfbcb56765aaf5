"""What networks want that find what words name."""

from dataclasses import dataclass
from typing import ClassVar

from trt_anime.export.recipes.pictures import Picture


@dataclass(frozen=True, kw_only=True)
class Effects:
    """A picture and prompts.

    Attributes:
        picture: how the picture is brought to the network.
        context: tokens of a prompt that the network reads.
    """

    STAGE: ClassVar[str] = "effects"

    picture: Picture
    context: int

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        return [*self.picture.facts(), ("prompt", f"{self.context} tokens at most")]
