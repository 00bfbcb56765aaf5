"""Detectors of what a text names."""

from trt_anime.export.catalogue.rows import Checkpoint, File, Model
from trt_anime.export.recipes.detect import Detection

# The published rule is a short side of 800 unless the long side would be above 1333. At 16:9, which nearly
# all frames are, that is 750x1333. The backbone pads and cuts by the size, so its graph has one.
_PUBLISHED = Detection(
    canvas=(750, 1333), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), context=256
)


def _row(size: str, backbone: str) -> Model:
    hub = f"hf:IDEA-Research/grounding-dino-{size}@main#"
    return Model(
        name=f"grounding-dino-{size}",
        stage="detect",
        graphs=("prompt", "detect"),
        architecture=f"grounding-dino-{size}",
        title=f"GroundingDINO, {backbone}, boxes from words",
        licence="Apache-2.0",
        page=f"https://huggingface.co/IDEA-Research/grounding-dino-{size}",
        files=(
            Checkpoint(
                format="safetensors",
                filename="model.safetensors",
                sources=(hub + "model.safetensors",),
                companions=(File(filename="tokenizer.json", sources=(hub + "tokenizer.json",)),),
            ),
        ),
        recipe=_PUBLISHED,
    )


ROWS: tuple[Model, ...] = (_row("tiny", "Swin-T"), _row("base", "Swin-B"))
