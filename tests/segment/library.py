"""The transformers library's own merging, which the graphs are held against."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from transformers.models.mask2former.image_processing_pil_mask2former import Mask2FormerImageProcessorPil
from transformers.models.mask2former.modeling_mask2former import (
    Mask2FormerForUniversalSegmentationOutput as Output,
)

from tests.segment.proposals import Proposals
from trt_anime.export.recipes.segment import Segmentation

_WRITTEN = (384, 384)  # into the library, as the size of all pictures


def merged(proposals: Proposals, rule: Segmentation, size: tuple[int, int], threshold: float) -> list[Any]:
    """What `post_process_*_segmentation` makes of them: for each frame a class map, or map and segments."""
    processor = Mask2FormerImageProcessorPil()
    outputs = Output(
        class_queries_logits=torch.from_numpy(proposals.class_logits),
        masks_queries_logits=torch.from_numpy(proposals.mask_logits),
    )
    sizes = [size] * len(proposals.class_logits)
    with _pictures_of(rule.network_size):
        if rule.task == "semantic":
            return list(processor.post_process_semantic_segmentation(outputs, target_sizes=sizes))
        if rule.task == "instance":
            return list(
                processor.post_process_instance_segmentation(
                    outputs, threshold=threshold, target_sizes=sizes
                )
            )
        stuff = set(range(rule.things, len(rule.labels)))
        return list(
            processor.post_process_panoptic_segmentation(
                outputs, threshold=threshold, label_ids_to_fuse=stuff, target_sizes=sizes
            )
        )


@contextmanager
def _pictures_of(size: tuple[int, int]) -> Iterator[None]:
    original = torch.nn.functional.interpolate

    def interpolate(masks: torch.Tensor, **options: Any) -> torch.Tensor:
        if options["size"] == _WRITTEN:
            options["size"] = size
        return original(masks, **options)

    with patch("torch.nn.functional.interpolate", interpolate):
        yield
