"""In which precision an engine adds up its matrix products, read from the engine itself.

A layer's type says what a product puts out, not what it is summed in, and that is where FP16 goes wrong.
TensorRT-RTX 1.7 writes both into the engine, in words of its own; nothing promises that a later one does.
"""

import re
from dataclasses import dataclass

# A fused attention lies there as C++ source: its template's first two arguments are the tensor-core
# instructions for the products with k and with v, such as `fmha::Ampere_hmma_fp32_traits`.
_FUSED = re.compile(rb"Kernel_traits_v2\w*<[^>]*?fmha::\w+_(\w+)_traits[^>]*?fmha::\w+_(\w+)_traits")
# Any other product is a line of settings: 0 leaves the sum to the kernel, 2 makes it FP32.
_PRODUCT = re.compile(rb"fully_connected=\{.*? accumulation_type=(\d+) ")


@dataclass(frozen=True)
class Accumulation:
    """What the matrix products of an engine are summed in.

    Attributes:
        attention: per fused attention, the types for q kᵀ and for the product with v, such as
            ``("fp32", "fp16")``. Attentions of equal shape may be listed once.
        products: per other matrix product, whether FP32 was demanded of its sum. Where it wasn't, a
            product of FP16 values may be summed in FP16.
    """

    attention: tuple[tuple[str, str], ...]
    products: tuple[bool, ...]


def accumulation_from_engine(engine: bytes) -> Accumulation:
    """Read an engine of TensorRT-RTX; both parts are empty where it says nothing about them."""
    return Accumulation(
        attention=tuple((one.decode(), two.decode()) for one, two in _FUSED.findall(engine)),
        products=tuple(kind == b"2" for kind in _PRODUCT.findall(engine)),
    )
