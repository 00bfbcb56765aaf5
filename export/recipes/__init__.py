"""How a published network wants its pictures, and what it gives: data, one kind of recipe a stage."""

from typing import ClassVar, Protocol


class Recipe(Protocol):
    """What every kind of recipe can say of itself; each is a frozen dataclass.

    Attributes:
        STAGE: the stage whose networks have such a recipe.
    """

    STAGE: ClassVar[str]

    def facts(self) -> list[tuple[str, str]]:
        """(what, in words for people), for `trt-anime models info`."""
