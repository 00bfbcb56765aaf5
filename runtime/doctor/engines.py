"""Which engines of the store run on this machine."""

from trt_anime.engines import machine, store
from trt_anime.engines.preflight import verdict
from trt_anime.engines.store import Entry, Refused
from trt_anime.runtime.doctor.facts import EngineState, Facts


def engine_states(facts: Facts) -> tuple[EngineState, ...]:
    """Every engine in the store, judged as `trt-anime engines check` judges it."""
    here = machine.Machine(
        system=machine.system_here(),
        gpus=tuple(machine.Gpu(gpu.name, gpu.capability) for gpu in facts.gpus),
        driver=facts.management.version or None,
        flavours={
            "rtx": facts.tensorrt_rtx.version or None,
            "trt": facts.tensorrt.version or None,
        },
    )
    return tuple(_state(found, here) for found in store.survey())


def _state(found: Entry | Refused, here: machine.Machine) -> EngineState:
    judged, recipe = verdict(found, here), found.manifest.recipe if found.manifest else None
    return EngineState(
        name=found.folder.name,
        target=recipe.target if recipe else "",
        precision=recipe.precision if recipe else "",
        # One for another type of GPU is nothing to be mended, whatever GPU is here.
        state="elsewhere" if judged.check == "machine" else judged.state,
        reason=judged.reason,
    )
