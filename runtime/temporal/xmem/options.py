"""What a user may choose about XMem's memory beside its size."""

from dataclasses import dataclass

from trt_anime.errors import InputError


@dataclass(frozen=True, kw_only=True)
class MemoryOptions:
    """Defaults are the published ones.

    Attributes:
        memorise_every: frames from one memorised frame to the next.
        deep_update_every: frames from one deep update of the sensory memory to the next; None: with every
            memorised frame.
        keep_frames: frames that a consolidation leaves in the working memory: the first one of the clip and
            the newest ones.
    """

    memorise_every: int = 5
    deep_update_every: int | None = None
    keep_frames: int = 5

    def __post_init__(self) -> None:
        """Raises InputError: a number below 1."""
        for name, value in vars(self).items():
            if value is not None and value < 1:
                raise InputError(f"XMem: {name} is {value}; it must be 1 or more")
