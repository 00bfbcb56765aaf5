"""What GPUs can do at most: published rates, and what of them is reached."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from trt_anime.engines.targets import card_from_name
from trt_anime.errors import InputError

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")

# Shares of the published rates that are assumed to be reached; a profile is better than any of them.
# Networks of a few million parameters on pictures of 300 to 1000 rows don't fill a large GPU.
MATH_SHARE, COPY_SHARE = 0.35, 0.7
# A kernel of a CUDA graph that has nothing to do.
KERNEL_S = 3e-6


@dataclass(frozen=True)
class Ceiling:
    """A device.

    Attributes:
        name: for people.
        source: where the rates are from.
        flops_per_s: by precision.
        bytes_per_s: of its memory.
        memory_bytes: None where that is not asked.
        math_share, copy_share: 0..1, what of the rates is reached.
        kernel_s: least time of an operator.
        fuses: whether arithmetic on each element costs no way to memory.
    """

    name: str
    source: str
    flops_per_s: Mapping[str, float]
    bytes_per_s: float
    memory_bytes: float | None = None
    math_share: float = MATH_SHARE
    copy_share: float = COPY_SHARE
    kernel_s: float = KERNEL_S
    fuses: bool = True


# Card: TFLOPS in FP32, dense TFLOPS of the tensor cores in FP16 (summed in FP32), dense TOPS in INT8, GB/s,
# GB. As NVIDIA's data sheets and architecture papers publish them, boost clocks of the reference design.
_PUBLISHED: dict[str, tuple[float, float, float, float, float]] = {
    "t4": (8.1, 65, 130, 320, 16),
    "rtx2060": (6.5, 25.8, 103, 336, 6),
    "rtx2080ti": (13.4, 53.8, 215, 616, 11),
    "a10": (31.2, 125, 250, 600, 24),
    "a30": (10.3, 165, 330, 933, 24),
    "a40": (37.4, 149.7, 299, 696, 48),
    "a100": (19.5, 312, 624, 1555, 40),
    "rtx3060": (12.7, 25.5, 102, 360, 12),
    "rtx3070": (20.3, 40.6, 163, 448, 8),
    "rtx3080": (29.8, 59.5, 238, 760, 10),
    "rtx3090": (35.6, 71, 284, 936, 24),
    "rtx3090ti": (40, 80, 320, 1008, 24),
    "rtxa6000": (38.7, 154.8, 310, 768, 48),
    "l4": (30.3, 121, 242, 300, 24),
    "l40": (90.5, 181, 362, 864, 48),
    "l40s": (91.6, 362, 733, 864, 48),
    "rtx4060": (15.1, 30.2, 121, 272, 8),
    "rtx4060ti": (22.1, 44.1, 176, 288, 8),
    "rtx4070": (29.1, 58.3, 233, 504, 12),
    "rtx4070ti": (40.1, 80.2, 321, 504, 12),
    "rtx4080": (48.7, 97.5, 390, 717, 16),
    "rtx4090": (82.6, 165.2, 661, 1008, 24),
    "rtx6000ada": (91.1, 364, 728, 960, 48),
    "h100": (67, 989, 1979, 3350, 80),
    "h200": (67, 989, 1979, 4800, 141),
    "rtx5070": (30.9, 61.7, 247, 672, 12),
    "rtx5070ti": (43.9, 87.9, 352, 896, 16),
    "rtx5080": (56.3, 112.6, 450, 960, 16),
    "rtx5090": (104.8, 209.5, 838, 1792, 32),
}


def published(gpu: str) -> Ceiling:
    """A card by the names that `engines build --gpu` knows.

    Raises InputError: no such card, or its rates aren't in the table; the message has near ones.
    """
    card = card_from_name(gpu)
    if card not in _PUBLISHED:
        near = difflib.get_close_matches(card or gpu.lower(), _PUBLISHED, n=4, cutoff=0.4)
        raise InputError(
            f"--gpu {gpu}: {'nobody has put in its rates' if card else 'no such card'};"
            f" name one GPU, such as {', '.join(near or _PUBLISHED)}"
        )
    fp32, fp16, int8, speed, memory = _PUBLISHED[card]
    rates = {"fp32": fp32 * 1e12, "fp16": fp16 * 1e12, "int8": int8 * 1e12}
    return Ceiling(card, "published by NVIDIA", rates, speed * 1e9, memory * 1e9)


def same_card(one: str, other: str) -> bool:
    """Whether two names, such as ``rtx4090`` and ``NVIDIA GeForce RTX 4090``, are of one card."""
    cards = {card_from_name(name) or name.lower() for name in (one, other)}
    return len(cards) == 1


def measured_cpu(*, size: int = 1024, repeats: int = 5) -> Ceiling:
    """This CPU, by matrix products and copies on the spot, in a second or two.

    The rates are those of NumPy with the threads that it may use. Nothing is taken off them.
    """
    import numpy as np

    rng = np.random.default_rng(1)
    one, other = (rng.random((size, size), np.float32) for _ in range(2))
    out = np.empty_like(one)
    product_s = _least(lambda: np.matmul(one, other, out=out), repeats)
    source = rng.random(1 << 24, np.float32)
    target = np.empty_like(source)
    copy_s = _least(lambda: np.copyto(target, source), repeats)
    return Ceiling(
        "this CPU",
        "measured on the spot",
        {"fp32": 2 * size**3 / product_s},
        2 * source.nbytes / copy_s,
        math_share=1.0,
        copy_share=1.0,
        kernel_s=5e-6,
        fuses=False,
    )


def _least(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest run: a ceiling is what nothing held up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[1:])
