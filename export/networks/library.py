"""Networks that the `transformers` package has, made the way that the exporter takes them."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from trt_anime.errors import MissingError

OLDEST, NEXT = (5, 20), (6, 0)  # as in pyproject.toml: the names inside of its networks change


def network_of_library(model: str, configuration: str, values: Mapping[str, Any]) -> Any:
    """A network by the names of its class and of its configuration's, in eval mode, on the CPU.

    Attention is written out as products and a softmax. The weights are whatever was in memory.

    Raises:
        MissingError: `transformers` isn't installed, or in a release that this wasn't written for.
    """
    library = require_transformers()
    settings = getattr(library, configuration)(**values, attn_implementation="eager")
    with no_random_weights():
        network = getattr(library, model)(settings)
    return network.eval().requires_grad_(False)


@contextmanager
def no_random_weights() -> Iterator[None]:
    """The library makes networks with whatever was in memory meanwhile.

    Random ones take seconds for each hundred million, and memory, and all are replaced by a file's.
    """
    require_transformers()
    from transformers.initialization import no_init_weights

    with no_init_weights():
        yield


def require_transformers() -> Any:
    """The library. Raises MissingError where it is not installed, or in another release than these."""
    try:
        import transformers
    except ImportError:
        raise MissingError("This needs transformers: pip install 'trt-anime[export]'") from None
    found = version("transformers")
    if not OLDEST <= _release(found) < NEXT:
        raise MissingError(
            f"transformers {found} is installed, and its networks are read in {_words(OLDEST)} or later,"
            f" below {_words(NEXT)}: pip install 'trt-anime[export]'"
        )
    return transformers


def _release(found: str) -> tuple[int, int]:
    """Major and minor number; of what has none, (0, 0). A release to come, ``6.0.dev0``, counts as it."""
    numbers = re.match(r"(\d+)(?:\.(\d+))?", found)
    return (int(numbers[1]), int(numbers[2] or 0)) if numbers else (0, 0)


def _words(release: tuple[int, int]) -> str:
    return f"{release[0]}.{release[1]}"
