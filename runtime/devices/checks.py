"""What every device demands of the arguments it is given."""

from __future__ import annotations

from typing import Any, TypeVar

from trt_anime.errors import EngineError
from trt_anime.runtime.devices.api import Tensor

_Own = TypeVar("_Own")


def own(thing: object, kind: type[_Own], device: Any) -> _Own:
    """`thing`, known to be of `kind` and made by `device`. Raises EngineError: it isn't."""
    if isinstance(thing, kind) and getattr(thing, "device", None) is device:
        return thing
    title = getattr(thing, "name", type(thing).__name__)
    raise EngineError(f"'{title}' was made by another device: use what '{device.name}' made")


def require_same_size(target: Tensor, source: Tensor) -> None:
    """Raises ValueError: a copy from `source` would not fill `target` exactly."""
    if target.size_bytes != source.size_bytes:
        raise ValueError(
            f"{target.buffer.name} takes {target.size_bytes} bytes, "
            f"but {source.buffer.name} gives {source.size_bytes}"
        )


def too_little(name: str, size_bytes: int, free_bytes: int, *, device: str) -> str:
    """The sentence for memory that isn't there."""
    return (
        f"{name}: needs {size_bytes:,} bytes, but '{device}' has {free_bytes:,} free; "
        "lower the batch size or close other programs"
    )
