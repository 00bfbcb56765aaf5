"""Which engines of the store run on this machine."""

from collections.abc import Iterable, Mapping

from trt_anime.engines import store
from trt_anime.engines.targets import FlavourName
from trt_anime.runtime.doctor.facts import EngineState, Gpu
from trt_anime.runtime.doctor.machine import system_name


def engine_states(gpus: Iterable[Gpu], versions: Mapping[FlavourName, str]) -> tuple[EngineState, ...]:
    """Every engine in the store.

    Args:
        versions: of the flavours that load here.
    """
    return tuple(_state(entry, {gpu.capability for gpu in gpus}, versions) for entry in store.entries())


def _state(
    entry: store.Entry, capabilities: set[int], versions: Mapping[FlavourName, str]
) -> EngineState:
    recipe = entry.manifest.recipe
    flavour: FlavourName = "rtx" if recipe.target.startswith("rtx-") else "trt"
    if recipe.target not in {f"{flavour}-sm{capability}" for capability in capabilities}:
        state, reason = "elsewhere", f"it is for {recipe.target}, no such GPU is here"
    elif recipe.system != system_name():
        state, reason = "rebuild", f"it was built on {recipe.system}"
    elif recipe.flavour_version != versions.get(flavour):
        here = versions.get(flavour) or "none"
        state, reason = "rebuild", f"it is bound to release {recipe.flavour_version}, here is {here}"
    else:
        state, reason = "usable", ""
    return EngineState(
        name=entry.folder.name,
        target=recipe.target,
        precision=recipe.precision,
        state=state,
        reason=reason,
    )
