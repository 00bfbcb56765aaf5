"""Which engines of the store run on this machine."""

from typing import Literal

from trt_anime.engines import store
from trt_anime.engines.manifest import Recipe
from trt_anime.runtime.doctor.facts import EngineState, Facts
from trt_anime.runtime.doctor.machine import system_name


def engine_states(facts: Facts) -> tuple[EngineState, ...]:
    """Every engine in the store, judged by what its manifest says."""
    states = []
    for entry in store.entries():
        recipe = entry.manifest.recipe
        state, reason = _verdict(recipe, facts)
        states.append(
            EngineState(
                name=entry.folder.name,
                target=recipe.target,
                precision=recipe.precision,
                state=state,
                reason=reason,
            )
        )
    return tuple(states)


def _verdict(recipe: Recipe, facts: Facts) -> tuple[Literal["usable", "elsewhere", "rebuild"], str]:
    flavour, _, target = recipe.target.partition("-sm")
    installed = (facts.tensorrt_rtx if flavour == "rtx" else facts.tensorrt).version or "not installed"
    if int(target) not in {gpu.capability for gpu in facts.gpus}:
        return "elsewhere", f"no sm{target} is here"
    if recipe.system != system_name():
        return "rebuild", f"it was built on {recipe.system}"
    if recipe.flavour_version != installed:
        return (
            "rebuild",
            f"it is bound to release {recipe.flavour_version}, and the one here is {installed}",
        )
    return "usable", ""
