"""Segmentation networks: Mask2Former, each backbone with each head that was published for it."""

from trt_anime.export.catalogue.rows import Checkpoint, Model
from trt_anime.export.catalogue.segment_labels import ADE20K, COCO_PANOPTIC, COCO_THINGS
from trt_anime.export.recipes.segment import Backbone, Segmentation, Task

# Head -> labels, how many are things, what it is called at the hub and here, and for people.
_HEADS: dict[Task, tuple[tuple[str, ...], int, str, str, str]] = {
    "panoptic": (COCO_PANOPTIC, len(COCO_THINGS), "coco-panoptic", "", "COCO panoptic"),
    "instance": (COCO_THINGS, len(COCO_THINGS), "coco-instance", "-instance", "COCO objects"),
    "semantic": (ADE20K, 0, "ade-semantic", "-semantic", "ADE20K scenes"),
}
_BACKBONES: tuple[Backbone, ...] = ("tiny", "small", "base", "large")


def _row(backbone: Backbone, task: Task) -> Model:
    labels, things, published, ending, what = _HEADS[task]
    # The large networks for COCO were trained with twice as many queries as all others.
    queries = 200 if backbone == "large" and task != "semantic" else 100
    repository = f"facebook/mask2former-swin-{backbone}-{published}"
    return Model(
        name=f"mask2former-{backbone}{ending}",
        stage="segment",
        architecture="mask2former",
        title=f"Mask2Former, Swin {backbone}, {what}",
        licence="CC-BY-NC-4.0",
        licence_note=(
            "the authors' model zoo puts all its weights under this licence: not for commercial use; their"
            " code is MIT"
        ),
        page=f"https://huggingface.co/{repository}",
        files=(
            Checkpoint(
                format="safetensors",
                filename=f"mask2former-swin-{backbone}-{published}.safetensors",
                sources=(f"hf:{repository}@main#model.safetensors",),
            ),
        ),
        recipe=Segmentation(task=task, backbone=backbone, queries=queries, labels=labels, things=things),
    )


ROWS: tuple[Model, ...] = tuple(_row(backbone, task) for task in _HEADS for backbone in _BACKBONES)
