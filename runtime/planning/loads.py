"""Which graphs a chain runs and how often: the one place that says what a preset means to the planner."""

from collections.abc import Sequence
from dataclasses import dataclass

from trt_anime.errors import InputError


@dataclass(frozen=True)
class Load:
    """One graph of a chain.

    Attributes:
        stage: number, such as ``2a``.
        every: frames from one run to the next; 0.5: two runs a frame.
    """

    stage: str
    model: str
    graph: str
    every: float = 1.0


# Frames between key frames, and between those that a network with a memory remembers.
_KEY, _MEMORY = 24, 5

# Model -> its graphs that run for frames. What runs once a film, such as a text's network, isn't here.
# Holes that no frame of a shot shows are filled once a shot: as often as there are key frames.
_LOADS: dict[str, tuple[Load, ...]] = {
    "u2netp": (Load("2a", "u2netp", "matte"),),
    "modnet": (Load("2a", "modnet", "matte"),),
    "isnet-anime": (Load("2a", "isnet-anime", "matte"),),
    "mobile-sam": (
        Load("1", "mobile-sam", "image", _KEY),
        Load("1", "mobile-sam", "mask", _KEY),
    ),
    "mask2former-tiny": (Load("1", "mask2former-tiny", "segment", _KEY),),
    "clipseg": (Load("2b", "clipseg", "effects"),),
    "migan": (Load("2c", "migan", "inpaint", _KEY),),
    "lama": (Load("2c", "lama", "inpaint", _KEY),),
    "xmem": (
        Load("3", "xmem", "key"),
        Load("3", "xmem", "read"),
        Load("3", "xmem", "decode"),
        Load("3", "xmem", "merge"),
        Load("3", "xmem", "value", _MEMORY),
    ),
    "clip-b32": (Load("4", "clip-b32", "embed", _KEY),),
    "dinov2-s": (Load("4", "dinov2-s", "embed", _KEY),),
    "dinov2-b": (Load("4", "dinov2-b", "embed", _KEY),),
}

# The networks of each preset that are counted; `--models` names others.
_PRESETS: dict[str, tuple[str, ...]] = {
    "fast": ("u2netp", "mobile-sam", "clipseg", "migan"),
    "balanced": ("u2netp", "mobile-sam", "clipseg", "lama", "xmem", "clip-b32", "dinov2-s"),
    "quality": ("isnet-anime", "mask2former-tiny", "clipseg", "lama", "xmem", "clip-b32", "dinov2-b"),
}
PRESETS = tuple(_PRESETS)


def loads_of_preset(preset: str) -> list[Load]:
    """Raises InputError: no such preset."""
    if preset not in _PRESETS:
        raise InputError(f"--preset {preset}: no such preset; use {', '.join(_PRESETS)}")
    return loads_of(_PRESETS[preset])


def loads_of(models: Sequence[str]) -> list[Load]:
    """Graphs of these networks by stage. Raises InputError: the planner doesn't know one."""
    if unknown := [model for model in models if model not in _LOADS]:
        raise InputError(
            f"--models {unknown[0]}: the planner doesn't know how often it runs; use {', '.join(_LOADS)}"
        )
    found = [load for model in dict.fromkeys(models) for load in _LOADS[model]]
    return sorted(found, key=lambda load: load.stage)
