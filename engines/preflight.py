"""Whether an engine of the store fits a machine, before it runs: usable, slower, or to be built again.

Lean: the runtime chooses by it, `trt-anime engines check` shows it. The library itself has the last word,
where it and a GPU are here: `validity`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from trt_anime.engines.flavours import FLAVOURS
from trt_anime.engines.library import Library, said_last
from trt_anime.engines.machine import Gpu, Machine, chosen_on
from trt_anime.engines.manifest import Recipe
from trt_anime.engines.store import Entry, Refused, kernels_file
from trt_anime.engines.targets import FlavourName
from trt_anime.errors import EngineError, MissingError

State = Literal["usable", "slower", "rebuild", "elsewhere"]

# What was looked at last, in this order. The further an engine came, the nearer it is to what was wanted.
Check = Literal["shapes", "machine", "version", "file", "library", "speed"]
CHECKS: tuple[Check, ...] = ("shapes", "machine", "version", "file", "library", "speed")


@dataclass(frozen=True)
class Verdict:
    """What becomes of an engine on a machine.

    Attributes:
        state: ``usable``; ``slower``: usable, but not at its best; ``rebuild``: refused, another has to be
            built for this machine; ``elsewhere``: whole, and for a GPU of another machine, as there is none
            here.
        check: what decided.
        reason: to be read after the engine's name; empty where all is well.
        cure: what to do about it; empty where there is nothing to do.
    """

    state: State
    check: Check
    reason: str = ""
    cure: str = ""

    @property
    def is_meant(self) -> bool:
        """Whether it was built for such a machine and such frames: if it is refused, that is news."""
        return self.check not in ("machine", "shapes")


# The library's names of what is wrong -> what to do about it; else the engine is built again.
_CURES = {
    "OLD_CUDA_DRIVER": "update the NVIDIA driver",
    "OLD_CUDA_RUNTIME": "update CUDA's libraries",
    "INSUFFICIENT_GPU_MEMORY": "close other programs that use the GPU",
}
_AGAIN = "build it again with `trt-anime engines build`"

USABLE = Verdict("usable", "speed")

Ask = Callable[[Entry], Verdict | None]


def verdict(
    found: Entry | Refused,
    machine: Machine,
    *,
    size: tuple[int, int] | None = None,
    batch: int | None = None,
    ask: Ask | None = None,
) -> Verdict:
    """What becomes of an engine on `machine`; for frames of `size` and in batches of `batch`, if given.

    Args:
        size: (height, width) of the frames, in pixels.
        ask: `validity_here`, or what stands for it; asked last, of engines that seem to be in order.
    """
    if isinstance(found, Refused):
        cure = f"remove {found.folder}, and build it anew"
        if found.manifest:
            cure = _build(found.manifest.recipe.model, _wanted(found.manifest.recipe))
        return Verdict("rebuild", "file", found.reason, cure)
    recipe = found.manifest.recipe
    return (
        misfit(recipe, machine, size=size, batch=batch)
        or _of_another_version(recipe, machine)
        or (ask and ask(found))
        or _slower(found, machine, batch)
        or USABLE
    )


def misfit(
    recipe: Recipe, machine: Machine, *, size: tuple[int, int] | None = None, batch: int | None = None
) -> Verdict | None:
    """Why an engine is not for this machine, or not for such frames; None if it is."""
    profile, wanted = recipe.profile, _wanted(recipe)
    if size is not None and not profile.takes(*size):
        asked = f"{size[1]}x{size[0]}"
        reason = f"takes frames of {profile.frame}, not {asked}"
        return Verdict("rebuild", "shapes", reason, _build(recipe.model, {**wanted, "size": asked}))
    if batch is not None and not profile.min_batch <= batch <= profile.max_batch:
        reason = f"takes batches of {profile.min_batch} to {profile.max_batch}, not {batch}"
        return Verdict("rebuild", "shapes", reason, _build(recipe.model, {**wanted, "max-batch": batch}))
    if recipe.system == machine.system and gpus_for(recipe, machine):
        return None
    return _for_another_machine(recipe, machine)


def flavour_of(recipe: Recipe) -> FlavourName:
    """Which library an engine is for."""
    return "rtx" if recipe.target.startswith("rtx-") else "trt"


def capability_of(recipe: Recipe) -> int:
    """Compute capability of the GPUs that an engine is for, such as 89."""
    return int(recipe.target.rpartition("sm")[2])


def gpus_for(recipe: Recipe, machine: Machine) -> list[Gpu]:
    """The GPUs of a machine that an engine is for."""
    return [gpu for gpu in machine.gpus if gpu.capability == capability_of(recipe)]


def validity_here(entry: Entry, machine: Machine) -> Verdict | None:
    """`validity` for this machine's first GPU, which must be one that the engine is for; else None."""
    recipe = entry.manifest.recipe
    if not machine.gpus or machine.gpus[0] not in gpus_for(recipe, machine):
        return None
    try:
        library = Library(flavour_of(recipe), subject=str(entry.engine), advice={}, otherwise="")
        runtime = library.asked("doesn't start", library.trt.Runtime, library.log)
        with entry.engine.open("rb") as file:
            return validity(library, runtime, file.read(getattr(runtime, "engine_header_size", -1)))
    except (EngineError, MissingError, OSError):
        return None  # it is not asked to be run; what is wrong with the library shows where it is


def validity(library: Library, runtime: Any, engine: bytes) -> Verdict | None:
    """What the library itself says of an engine on the current GPU; None if it is content, or can't say.

    TensorRT has no such function; TensorRT-RTX can't say without a GPU.

    Args:
        engine: the serialized engine, or at least its header.
    """
    function = getattr(runtime, "get_engine_validity", None)
    if function is None:
        return None
    state, bits = library.asked("could not judge it", function, engine)
    known = library.trt.EngineInvalidityDiagnostics.__members__
    names = [name for name, bit in known.items() if bits & int(bit)]
    words = ", ".join(name.lower().replace("_", " ") for name in names) or said_last(library.log.errors)
    cure = next((cure for name, cure in _CURES.items() if name in names), _AGAIN)
    if state == library.trt.EngineValidity.SUBOPTIMAL:
        reason = f"{library.title} says that it is not at its best: {words}"
        return Verdict("slower", "library", reason, cure)
    if state != library.trt.EngineValidity.INVALID or not bits or "CUDA_ERROR" in names:
        return None
    return Verdict("rebuild", "library", f"{library.title} refuses it: {words}", cure)


def _for_another_machine(recipe: Recipe, machine: Machine) -> Verdict:
    here = ", ".join(f"{gpu.name} (sm{gpu.capability})" for gpu in machine.gpus)
    reason = (
        f"is for sm{capability_of(recipe)}, {f'and here is {here}' if here else 'a GPU that is not here'}"
    )
    if recipe.system != machine.system:
        reason = f"is for {recipe.system}, and this is {machine.system}"
    if not here:
        return Verdict("elsewhere", "machine", reason)
    options = {**_wanted(recipe), "gpu": f"sm{machine.gpus[0].capability}"}
    return Verdict("rebuild", "machine", reason, _build(recipe.model, options))


def _of_another_version(recipe: Recipe, machine: Machine) -> Verdict | None:
    """An engine is bound to the release of its library."""
    flavour = FLAVOURS[flavour_of(recipe)]
    built, here = recipe.flavour_version, machine.flavours.get(flavour_of(recipe))
    install = f"pip install 'trt-anime[{flavour.extra}]'"
    if here == built:
        return None
    if here is None:
        return Verdict(
            "rebuild", "version", f"needs {flavour.title} {built}, which is not installed", install
        )
    again = _build(recipe.model, _wanted(recipe))
    if _numbers(here) > _numbers(built):
        reason = f"was built with {flavour.title} {built}, and {here} is installed"
        return Verdict("rebuild", "version", reason, again)
    reason = f"is downgraded: {flavour.title} {here} is installed, and it was built with {built}"
    return Verdict("rebuild", "version", reason, f"update with {install} --upgrade, or {again}")


def _slower(entry: Entry, machine: Machine, batch: int | None) -> Verdict | None:
    manifest, recipe = entry.manifest, entry.manifest.recipe
    again = _build(recipe.model, _wanted(recipe))
    if manifest.forced:
        reason = "was forced into the store although its results differ too much from FP32"
        return Verdict("slower", "speed", reason, f"calibrate it anew, then {again}")
    if batch is not None and batch != recipe.profile.opt_batch:
        reason = f"takes batches of {batch}, but is tuned for {recipe.profile.opt_batch}"
        return Verdict("slower", "speed", reason)
    for gpu in gpus_for(recipe, machine):
        if flavour_of(recipe) == "rtx" and not (entry.folder / kernels_file(gpu.name)).is_file():
            cure = "its first run compiles them, and keeps them"
            return Verdict("slower", "speed", f"has no kernels for {gpu.name} yet", cure)
        here = chosen_on(gpu, machine.driver)
        if manifest.built_on not in (None, here):
            return Verdict(
                "slower", "speed", f"was tuned on {manifest.built_on}, and here is {here}", again
            )
    return None


def _wanted(recipe: Recipe) -> dict[str, object]:
    """The options of `trt-anime engines build` that give such an engine."""
    size = {"size": recipe.profile.frame} if recipe.profile.height else {}
    return {
        "gpu": f"sm{capability_of(recipe)}",
        "precision": recipe.precision,
        **size,
        "max-batch": recipe.profile.max_batch,
    }


def _build(model: str, options: Mapping[str, object]) -> str:
    words = " ".join(f"--{name} {value}" for name, value in options.items())
    return f"build it with `trt-anime engines build {model} {words}`"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", version))
