"""Which engine of the store serves a stage graph on this GPU."""

import platform
import sys
from collections.abc import Callable
from pathlib import Path

from trt_anime.engines import flavours, store
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import FlavourName
from trt_anime.errors import MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.sessions.tensorrt_engine import flavour_of

# The fastest first.
_PRECISIONS = ("fp16", "int8", "fp8", "fp32")

_Test = Callable[[store.Entry], bool]


def engine_for(
    graph: Path, capability: int, *, size: tuple[int, int], batch: int, precision: str | None
) -> store.Entry:
    """The best engine in the store that was made of this very graph.

    Args:
        capability: the GPU's compute capability, such as 89.
        size: (height, width) of the frames.
        precision: None takes the fastest there is.

    Raises:
        MissingError: there is none; it says what lacks and how to build one.
    """
    height, width = size
    digest = sha256_of(graph)
    targets = (f"rtx-sm{capability}", f"trt-sm{capability}")
    system = f"{sys.platform}-{platform.machine().lower()}"
    tests: tuple[tuple[str, _Test], ...] = (
        (f"made of {graph.name}", lambda entry: entry.manifest.recipe.graph_sha256 == digest),
        (f"for sm{capability} on {system}", lambda entry: _runs_on(entry, targets, system)),
        (
            f"for frames of {width}x{height} in batches of {batch}",
            lambda entry: _covers(entry.manifest.recipe.profile, size, batch),
        ),
        (
            f"in {precision}",
            lambda entry: precision in (None, entry.manifest.recipe.precision),
        ),
        ("of the TensorRT that is installed here", _is_of_installed),
    )
    found = store.entries()
    for words, test in tests:
        found = [entry for entry in found if test(entry)]
        if not found:
            options = f"--gpu sm{capability} --size {width}x{height} --max-batch {batch}"
            options += f" --precision {precision}" if precision else ""
            raise MissingError(
                f"no engine here is {words}; run `trt-anime engines build --graph {graph} {options}`"
            )
    return min(found, key=_rank)


def _runs_on(entry: store.Entry, targets: tuple[str, ...], system: str) -> bool:
    return entry.manifest.recipe.target in targets and entry.manifest.recipe.system == system


def _covers(profile: Profile, size: tuple[int, int], batch: int) -> bool:
    fits = profile.min_batch <= batch <= profile.max_batch
    return fits and (profile.height, profile.width) == size


def _is_of_installed(entry: store.Entry) -> bool:
    """An engine is bound to the release of its library."""
    return entry.manifest.recipe.flavour_version == _installed(flavour_of(entry))


def _installed(flavour: FlavourName) -> str | None:
    try:
        return flavours.version(flavour)
    except MissingError:
        return None


def _rank(entry: store.Entry) -> tuple[int, int, str]:
    recipe = entry.manifest.recipe
    return _PRECISIONS.index(recipe.precision), recipe.profile.max_batch, recipe.target
