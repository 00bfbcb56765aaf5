"""What the segmentation tests are made of: small rules and networks."""

from dataclasses import dataclass
from typing import Any

from trt_anime.export.segment.recipe import Segmentation


@dataclass(frozen=True, kw_only=True)
class Square(Segmentation):
    """Pictures as high as wide, as the published processors make them."""

    @property
    def network_size(self) -> tuple[int, int]:
        return self.short_side, self.short_side


def rule_for(task: Any) -> Segmentation:
    """A small rule: 64x128 pictures, 30 queries that all have a slot.

    Labels are many for instance heads: torch orders the best pairs where they are few among all, and COCO's
    80 are enough for that.
    """
    count = 80 if task == "instance" else 12
    labels = tuple(f"class {number}" for number in range(count))
    things = count * 2 // 3
    return Segmentation(
        task=task, backbone="tiny", queries=30, labels=labels, things=things, short_side=64, slots=30
    )
