"""GPU types that engines are built for, under the names that people know them by."""

import difflib
import re
from dataclasses import dataclass
from typing import Literal

from trt_anime.errors import InputError

FlavourName = Literal["rtx", "trt"]

# What TensorRT-RTX 1.7 builds for, with or without a GPU in the machine.
RTX_CAPABILITIES = (75, 80, 86, 89, 120, 121)

# Compute capability -> cards. A laptop card has the capability of its desktop namesake.
CARDS: dict[int, tuple[str, ...]] = {
    75: (
        *("gtx1630", "gtx1650", "gtx1650super", "gtx1650ti", "gtx1660", "gtx1660super", "gtx1660ti"),
        *("rtx2060", "rtx2060super", "rtx2070", "rtx2070super", "rtx2080", "rtx2080super", "rtx2080ti"),
        *("titanrtx", "quadrortx3000", "quadrortx4000", "quadrortx5000", "quadrortx6000", "quadrortx8000"),
        *("t400", "t600", "t1000", "t4"),
    ),
    80: ("a30", "a100", "a800"),
    86: (
        *("rtx2050", "rtx3050", "rtx3050ti", "rtx3060", "rtx3060ti", "rtx3070", "rtx3070ti"),
        *("rtx3080", "rtx3080ti", "rtx3090", "rtx3090ti"),
        *("rtxa400", "rtxa500", "rtxa1000", "rtxa2000", "rtxa3000", "rtxa4000", "rtxa4500"),
        *("rtxa5000", "rtxa5500", "rtxa6000", "a2", "a10", "a10g", "a16", "a40"),
    ),
    89: (
        *("rtx4050", "rtx4060", "rtx4060ti", "rtx4070", "rtx4070super", "rtx4070ti", "rtx4070tisuper"),
        *("rtx4080", "rtx4080super", "rtx4090", "rtx4090d"),
        *("rtx2000ada", "rtx3500ada", "rtx4000ada", "rtx4500ada", "rtx5000ada", "rtx5880ada", "rtx6000ada"),
        *("l4", "l20", "l40", "l40s"),
    ),
    90: ("h100", "h200", "h800", "gh200"),
    100: ("b100", "b200", "gb200"),
    120: (
        *("rtx5050", "rtx5060", "rtx5060ti", "rtx5070", "rtx5070ti", "rtx5080", "rtx5090", "rtx5090d"),
        *("rtxpro2000", "rtxpro4000", "rtxpro4500", "rtxpro5000", "rtxpro6000"),
    ),
    121: ("gb10", "dgxspark"),
}

_CAPABILITY_OF = {card: capability for capability, cards in CARDS.items() for card in cards}


@dataclass(frozen=True)
class Target:
    """What an engine runs on: TensorRT flavour and GPU type.

    Attributes:
        flavour: ``rtx`` for TensorRT-RTX, ``trt`` for TensorRT.
        compute_capability: of the GPU, such as 89 for 8.9.
    """

    flavour: FlavourName
    compute_capability: int

    @property
    def name(self) -> str:
        """Such as ``rtx-sm89``."""
        return f"{self.flavour}-sm{self.compute_capability}"


def target_from_capability(capability: int) -> Target:
    """TensorRT-RTX where it has a target for the GPU, TensorRT elsewhere."""
    return Target("rtx" if capability in RTX_CAPABILITIES else "trt", capability)


def targets_from_names(names: str) -> tuple[Target, ...]:
    """Targets named in a comma list, each once, in the order given.

    A name is a card (``rtx4090``, ``RTX 4090 Laptop``, ``l40s``), a compute capability (``sm89``),
    a target (``rtx-sm89``), ``native`` (this machine's GPU, TensorRT) or ``all`` (every
    TensorRT-RTX target).

    Raises:
        InputError: a name is unknown; the message has the nearest ones.
        MissingError: `native` on a machine without a GPU.
    """
    found = [target for name in names.split(",") for target in _targets(name)]
    return tuple(dict.fromkeys(found))


def _targets(name: str) -> tuple[Target, ...]:
    word = re.sub(r"nvidia|geforce|laptop|mobile|max-?q|[\s_-]", "", name.lower())
    if word == "native":
        from trt_anime.engines.flavours import native_target

        return (native_target(),)
    if word == "all":
        return tuple(Target("rtx", capability) for capability in RTX_CAPABILITIES)
    # Workstation cards are sold as "RTX A6000" and called "A6000".
    capability = _CAPABILITY_OF.get(word) or _CAPABILITY_OF.get(f"rtx{word}")
    if capability is None and (code := re.fullmatch(r"(?:rtx|trt)?sm(\d+)", word)):
        capability = int(code[1]) if int(code[1]) in CARDS else None
    if capability is None:
        raise InputError(_unknown(name, word))
    return (target_from_capability(capability),)


def _unknown(name: str, word: str) -> str:
    codes = [f"sm{capability}" for capability in CARDS]
    # A plain 5 % difference in spelling must not hide that digits matter most in a card's name.
    near = difflib.get_close_matches(word, [*_CAPABILITY_OF, *codes, "native", "all"], n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known: native, all, {', '.join(codes)}, cards"
    return f"--gpu {name.strip()!r}: no such GPU type; {hint}"
