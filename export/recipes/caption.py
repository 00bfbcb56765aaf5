"""What captioning networks want, and their sizes as the published `config.json` files give them."""

from dataclasses import dataclass
from typing import ClassVar

from trt_anime.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Vision:
    """A vision transformer of pre-norm blocks with one class token; `side` x `side` pixels in."""

    side: int
    patch: int
    width: int
    hidden: int
    layers: int
    heads: int
    norm_eps: float

    @property
    def positions(self) -> int:
        """Patches and the class token."""
        return (self.side // self.patch) ** 2 + 1


@dataclass(frozen=True, kw_only=True)
class QFormer:
    """Learned queries that read the picture: every `cross_every`-th layer attends to it."""

    queries: int
    width: int
    hidden: int
    layers: int
    heads: int
    norm_eps: float
    cross_every: int


@dataclass(frozen=True, kw_only=True)
class Decoder:
    """A causal language model.

    Attributes:
        vocabulary: rows of the table of tokens. Files of one model differ in it (BLIP-2 has 50272 or 50304
            for the same tokenizer): a checkpoint's own number counts, if it has `start` and `stop`.
        positions: most tokens, the picture included where it is part of the sequence.
        start: the token that a prompt begins with.
        stop: tokens that end a caption.
        pad: fills what batches leave empty.
    """

    vocabulary: int
    positions: int
    width: int
    hidden: int
    layers: int
    heads: int
    norm_eps: float
    start: int
    stop: tuple[int, ...]
    pad: int

    @property
    def head_width(self) -> int:
        return self.width // self.heads


@dataclass(frozen=True, kw_only=True)
class Captioning:
    """A captioning network; pictures are stretched to a square and normalised like CLIP's.

    Attributes:
        qformer: between picture and language in BLIP-2, whose picture is the first part of the sequence;
            None in BLIP, whose language model attends to all of the picture's positions.
        prompt: most tokens of a prompt in the graphs, the start token included.
        capacity: slots of the graphs' cache: the picture where it is part of the sequence, prompt, caption.
        beams: beginnings of a caption that a step goes on with at once, for each picture.
    """

    STAGE: ClassVar[str] = "caption"

    vision: Vision
    qformer: QFormer | None
    decoder: Decoder
    prompt: int = 16
    capacity: int = 96
    beams: int = 5

    def __post_init__(self) -> None:
        """Raises InputError: the cache has no room for a caption, or more than the model knows places."""
        least, most = self.prefix_slots + self.prompt + 1, self.decoder.positions
        if not least <= self.capacity <= most:
            raise InputError(
                f"a cache of {self.capacity} tokens was asked for; picture and prompt take {least - 1} of"
                f" them, and the model knows {most} places"
            )

    @property
    def prefix(self) -> tuple[int, int]:
        """(length, width) of what ``vision`` gives to the language model."""
        if self.qformer is None:
            return self.vision.positions, self.vision.width
        return self.qformer.queries, self.decoder.width

    @property
    def prefix_slots(self) -> int:
        """Places that the picture takes in the language model's cache."""
        return 0 if self.qformer is None else self.qformer.queries

    def facts(self) -> list[tuple[str, str]]:
        """For people."""
        side, d = self.vision.side, self.decoder
        picture = "each token looks at" if self.qformer is None else "the sequence begins with"
        return [
            ("input", f"{side} x {side}, aspect ratio ignored, anti-aliased bicubic resize"),
            ("values", "RGB / 255, normalised by CLIP's mean and deviation"),
            ("picture", f"{picture} {self.prefix[0]} vectors of {self.prefix[1]}"),
            ("language", f"{d.layers} layers, {d.heads} heads, {d.vocabulary} tokens"),
            (
                "cache",
                f"{self.beams} beams of {self.capacity} tokens, {self.prompt} of them a prompt at most",
            ),
        ]
