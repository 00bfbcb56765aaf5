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
        *("t400", "t500", "t550", "t600", "t1000", "t1200", "t2000", "t4", "t4g", "mx450", "mx550"),
    ),
    80: ("a30", "a100", "a100x", "a800"),
    86: (
        *("rtx2050", "rtx3050", "rtx3050ti", "rtx3060", "rtx3060ti", "rtx3070", "rtx3070ti"),
        *("rtx3080", "rtx3080ti", "rtx3090", "rtx3090ti", "mx570"),
        *("rtxa400", "rtxa500", "rtxa1000", "rtxa2000", "rtxa3000", "rtxa4000", "rtxa4500"),
        *("rtxa5000", "rtxa5500", "rtxa6000", "a2", "a10", "a10g", "a16", "a40"),
    ),
    89: (
        *("rtx4050", "rtx4060", "rtx4060ti", "rtx4070", "rtx4070super", "rtx4070ti", "rtx4070tisuper"),
        *("rtx4080", "rtx4080super", "rtx4090", "rtx4090d"),
        *("rtx500ada", "rtx1000ada", "rtx2000ada", "rtx3000ada", "rtx3500ada", "rtx4000ada"),
        *("rtx4500ada", "rtx5000ada", "rtx5880ada", "rtx6000ada", "l2", "l4", "l20", "l40", "l40g", "l40s"),
    ),
    90: ("h20", "h100", "h200", "h800", "gh200"),
    100: ("b100", "b200", "gb200"),
    103: ("b300", "gb300"),
    120: (
        *("rtx5050", "rtx5060", "rtx5060ti", "rtx5070", "rtx5070ti", "rtx5080"),
        *("rtx5090", "rtx5090d", "rtx5090dv2"),
        *("rtxpro500", "rtxpro1000", "rtxpro2000", "rtxpro3000", "rtxpro4000", "rtxpro4500"),
        *("rtxpro5000", "rtxpro6000"),
    ),
    121: ("gb10", "dgxspark"),
}

# Words of a card's full name, as drivers and shops write it, that don't change its capability.
_NOISE = re.compile(
    r"nvidia|geforce|tesla|quadro(?![\s_-]*rtx)|laptop|notebook|mobile|gpu|with|max-?q|design"
    r"|generation|blackwell|workstation|server|edition|active|\bac\b|sff"
    r"|sxm\d*|pcie|nvl\d*|hbm\d+e?|(?<=[\s_-])(?:\d+\s*gb|\d{3}g)\b|[\s_-]"
)
# Workstation cards are sold as "RTX A6000" and called "A6000"; nobody writes GTX before 1660.
_PREFIXES = ("", "rtx", "gtx")

_TOO_OLD = re.compile(r"(gtx)?(9|10)\d0(ti)?|titan(x|xp|v)|[kmpv]\d{1,4}|sm([2-6]\d|7[0-4])")

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


def targets_of(flavour: FlavourName) -> tuple[Target, ...]:
    """Every GPU type that a flavour builds for."""
    capabilities = RTX_CAPABILITIES if flavour == "rtx" else tuple(CARDS)
    return tuple(Target(flavour, capability) for capability in capabilities)


def target_from_capability(capability: int) -> Target:
    """TensorRT-RTX where it has a target for the GPU, TensorRT elsewhere."""
    return Target("rtx" if capability in RTX_CAPABILITIES else "trt", capability)


def targets_from_names(names: str) -> tuple[Target, ...]:
    """Targets named in a comma list, each once, in the order given.

    A name is a card (``rtx4090``, ``4090``, ``NVIDIA A100-SXM4-80GB``), a compute capability (``sm89``),
    a target (``rtx-sm89``, ``trt-sm89``), ``native`` (this machine's GPU, TensorRT) or ``all`` (every
    TensorRT-RTX target).

    Raises:
        InputError: a name is unknown; the message has the nearest ones.
        MissingError: `native` on a machine without a GPU.
    """
    found = [target for name in names.split(",") for target in _targets(name)]
    return tuple(dict.fromkeys(found))


def card_from_name(name: str) -> str | None:
    """The card as `CARDS` has it, ``rtx4090`` for ``NVIDIA GeForce RTX 4090``; None if it has none such."""
    word = _NOISE.sub("", name.lower())
    return next((card for prefix in _PREFIXES if (card := prefix + word) in _CAPABILITY_OF), None)


def _targets(name: str) -> tuple[Target, ...]:
    word = _NOISE.sub("", name.lower())
    if word == "native":
        from trt_anime.engines.flavours import native_target

        return (native_target(),)
    if word == "all":
        return tuple(Target("rtx", capability) for capability in RTX_CAPABILITIES)
    target = _target_from_code(word) or _target_from_card(word)
    if target is None:
        raise InputError(_unknown(name, word))
    return (target,)


def _target_from_code(word: str) -> Target | None:
    """The target written as ``sm89``, ``rtxsm89`` or ``trtsm89``; None if it is none of ours."""
    code = re.fullmatch(r"(rtx|trt)?sm(\d+)", word)
    if not code or int(code[2]) not in CARDS:
        return None
    target = target_from_capability(int(code[2]))
    if code[1] == "rtx":
        return target if target.flavour == "rtx" else None
    return Target("trt", target.compute_capability) if code[1] else target


def _target_from_card(word: str) -> Target | None:
    card = card_from_name(word)
    return target_from_capability(_CAPABILITY_OF[card]) if card else None


def _unknown(name: str, word: str) -> str:
    codes = [f"sm{capability}" for capability in CARDS]
    known = [*_CAPABILITY_OF, *codes, *(f"rtx-sm{capability}" for capability in RTX_CAPABILITIES)]
    near = difflib.get_close_matches(word, [*known, "native", "all"], n=len(known), cutoff=0.5)
    # Spelled alike is not enough: the digits are the card.
    near = sorted(near, key=lambda other: _digits(other) != _digits(word))[:4]
    hint = f"did you mean {', '.join(near)}?" if near else f"known: native, all, {', '.join(codes)}, cards"
    if _TOO_OLD.fullmatch(word):
        hint = "TensorRT builds for sm75 (GTX 16, RTX 20) and newer"
    return f"--gpu {name.strip()!r}: no such GPU type; {hint}"


def _digits(word: str) -> str:
    return re.sub(r"\D", "", word)
