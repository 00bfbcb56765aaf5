"""What precision is really in a built engine, as the builder itself lists its layers."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

_NAMES = {"Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "FP8": "float8"}
_LAYER = re.compile(
    r"^Name: .*?, LayerType: (?P<kind>.*?), Inputs: \[(?P<inputs>.*?)\], Constants: \[.*?\], "
    r"Outputs: \[(?P<outputs>.*?)\], TacticName: (?P<tactic>.*?),",
    re.MULTILINE,
)
_TYPE = re.compile(r"Datatype: (\w+)")
# Convolutions and matrix products; fused attention is told by its kernel's name.
_PRODUCTS = frozenset(("correlation", "gemm"))

Shares = dict[str, float]


def layer_precision(messages: Iterable[str]) -> Shares | None:
    """Share of the compiled layers per type of what they put out; None if no layers are listed."""
    return _shares(_first_type(layer["outputs"]) for layer in _layers(messages))


def product_precision(messages: Iterable[str]) -> Shares | None:
    """Share of the layers that multiply per type of what they read: what they compute in.

    Of INT8 this alone tells the truth: such a layer may put out FP32 that the next one rounds again, and
    where a GPU type has no kernel the builder turns INT8 weights back into FP16 without a word.
    """
    products = (
        layer for layer in _layers(messages) if layer["kind"] in _PRODUCTS or "gemm_mha" in layer["tactic"]
    )
    return _shares(_first_type(layer["inputs"]) for layer in products)


def _layers(messages: Iterable[str]) -> Iterator[re.Match[str]]:
    for message in messages:
        if message.startswith("Layers:\nName: "):
            yield from _LAYER.finditer(message)


def _first_type(tensors: str) -> str | None:
    found = _TYPE.search(tensors)
    return _NAMES.get(found[1], found[1].lower()) if found else None


def _shares(types: Iterable[str | None]) -> Shares | None:
    found = Counter(kind for kind in types if kind)
    return {kind: round(count / found.total(), 4) for kind, count in sorted(found.items())} or None
