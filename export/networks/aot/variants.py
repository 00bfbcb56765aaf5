"""The published configurations, one row each."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from trt_anime.export.networks.aot.encoders import MobileNetV2, ResNet50
from trt_anime.export.networks.aot.network import ObjectTracker

MOBILENET_TAPS = (24, 32, 96, 1280)
RESNET_TAPS = (256, 512, 1024, 1024)


@dataclass(frozen=True)
class Variant:
    """One published configuration.

    Attributes:
        encoder: makes the encoder.
        taps: channels of its maps.
        depth: number of layers.
        gated: DeAOT.
        memory_gap: frames between two that are remembered for good; 9999: only those with given objects.
    """

    encoder: Callable[[], nn.Module]
    taps: tuple[int, int, int, int]
    depth: int
    gated: bool
    memory_gap: int


VARIANTS = {
    "aot_t": Variant(MobileNetV2, MOBILENET_TAPS, 1, False, 9999),
    "aot_s": Variant(MobileNetV2, MOBILENET_TAPS, 2, False, 9999),
    "aot_b": Variant(MobileNetV2, MOBILENET_TAPS, 3, False, 9999),
    "aot_l": Variant(MobileNetV2, MOBILENET_TAPS, 3, False, 5),
    "r50_aot_l": Variant(ResNet50, RESNET_TAPS, 3, False, 5),
    "deaot_t": Variant(MobileNetV2, MOBILENET_TAPS, 1, True, 9999),
    "deaot_s": Variant(MobileNetV2, MOBILENET_TAPS, 2, True, 9999),
    "deaot_b": Variant(MobileNetV2, MOBILENET_TAPS, 3, True, 9999),
    "deaot_l": Variant(MobileNetV2, MOBILENET_TAPS, 3, True, 5),
    "r50_deaot_l": Variant(ResNet50, RESNET_TAPS, 3, True, 5),
}


def _maker(name: str) -> Callable[[], ObjectTracker]:
    row = VARIANTS[name]

    def make() -> ObjectTracker:
        return ObjectTracker(row.encoder(), row.taps, depth=row.depth, gated=row.gated)

    return make


aot_t, deaot_t = _maker("aot_t"), _maker("deaot_t")
aot_s, deaot_s = _maker("aot_s"), _maker("deaot_s")
aot_b, deaot_b = _maker("aot_b"), _maker("deaot_b")
aot_l, deaot_l = _maker("aot_l"), _maker("deaot_l")
r50_aot_l, r50_deaot_l = _maker("r50_aot_l"), _maker("r50_deaot_l")
