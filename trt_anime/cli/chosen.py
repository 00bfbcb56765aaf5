"""The models that a command is about."""

import sys

from trt_anime.errors import MissingError


def models_here(asked: str) -> list[str]:
    """Names of the catalogue's models whose weights are here; those that are left out are told on stderr.

    Args:
        asked: what the user wrote to get all of them, for the error.

    Raises:
        MissingError: there is none.
    """
    from trt_anime.export.catalogue import CATALOGUE
    from trt_anime.export.checkpoints import names_here

    here = names_here()
    if not here:
        raise MissingError(
            f"{asked}: no model's weights are on this machine; bring one with"
            " `trt-anime models pull u2netp`, or name a model, which fetches it"
        )
    if out := [name for name in CATALOGUE if name not in here]:
        print(
            f"note: left out, without weights here: {', '.join(out)}; "
            f"`trt-anime models pull {' '.join(out)}` brings them",
            file=sys.stderr,
        )
    return here
