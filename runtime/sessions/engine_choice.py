"""Which engine of the store serves a stage graph on this GPU."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from trt_anime.engines import store
from trt_anime.engines.machine import Gpu, Machine, flavours_here, system_here
from trt_anime.engines.preflight import CHECKS, Verdict, flavour_of, misfit, verdict
from trt_anime.engines.ranking import best
from trt_anime.engines.store import Entry, Refused
from trt_anime.errors import MissingError
from trt_anime.files import sha256_of
from trt_anime.runtime.sessions.onnx_file import own_size


def engine_for(
    graph: Path, capability: int, *, size: tuple[int, int], batch: int, precision: str | None
) -> Entry:
    """The best engine in the store that was made of this very graph.

    Args:
        capability: the GPU's compute capability, such as 89.
        size: (height, width) of the clip's frames. A graph that is for frames of one size, or sees none,
            has the same engine for every clip.
        precision: None takes the fastest there is, by what was measured: see `ranking.best`.

    Raises:
        MissingError: there is none; it says what the nearest one lacks, and how to build one.
    """
    try:
        return _engine_for(graph, capability, size=size, batch=batch, precision=precision)
    except MissingError:
        own = own_size(graph, size)  # reads the file, so not before it matters
        if own == size:
            raise
    return _engine_for(graph, capability, size=own, batch=batch, precision=precision)


def _engine_for(
    graph: Path, capability: int, *, size: tuple[int, int] | None, batch: int, precision: str | None
) -> Entry:
    machine = Machine(system_here(), (Gpu("this GPU", capability),), None, {})
    made = list(_made_of(graph, machine, size=size, batch=batch))
    needed = {flavour_of(found.manifest.recipe) for found in made if found.manifest}
    machine = replace(machine, flavours=flavours_here(needed))
    good: list[Entry] = []
    bad: list[tuple[Verdict, Entry | Refused]] = []
    for found in made:
        judged = verdict(found, machine, size=size, batch=batch)
        if judged.state == "rebuild" or isinstance(found, Refused):
            bad.append((judged, found))
        else:
            good.append(found)
    fitting = [entry for entry in good if precision in (None, entry.manifest.recipe.precision)]
    if fitting:
        return best(fitting)
    options = f"--gpu sm{capability}{f' --size {size[1]}x{size[0]}' if size else ''} --max-batch {batch}"
    options += f" --precision {precision}" if precision else ""
    lack = _lack(graph, precision, has_others=bool(good), bad=bad)
    raise MissingError(f"{lack}; run `trt-anime engines build --graph {graph} {options}`")


def _made_of(
    graph: Path, machine: Machine, *, size: tuple[int, int] | None, batch: int
) -> Iterator[Entry | Refused]:
    """Engines of this graph, and what is refused although, whole, it might serve here."""
    digest = sha256_of(graph)
    for found in store.survey():
        if found.manifest is None:
            yield found  # nobody knows what it was
        elif found.manifest.recipe.graph_sha256 == digest:
            recipe = found.manifest.recipe
            if isinstance(found, Entry) or not misfit(recipe, machine, size=size, batch=batch):
                yield found


def _lack(
    graph: Path, precision: str | None, *, has_others: bool, bad: list[tuple[Verdict, Entry | Refused]]
) -> str:
    if has_others:
        return f"no engine here is in {precision}"
    if not bad:
        return f"no engine here is made of {graph.name}"
    nearest, found = max(bad, key=lambda pair: _nearness(*pair))
    return f"no engine here can be used: {found.folder.name} {nearest.reason}"


def _nearness(judged: Verdict, found: Entry | Refused) -> int:
    return CHECKS.index(judged.check) if found.manifest else -1
