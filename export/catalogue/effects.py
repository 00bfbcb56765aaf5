"""Networks that find what words name."""

from trt_anime.export.catalogue.rows import Checkpoint, File, Model
from trt_anime.export.recipes.effects import Effects
from trt_anime.export.recipes.pictures import Picture

_CLIPSEG = "hf:CIDAS/clipseg-rd64-refined@999e0328d9e10b484360c477313983f9afdd7050#"
# Its own repository has the tokenizer in two older files; this is the same one in the newer format.
_TOKENIZER = "hf:openai/clip-vit-base-patch32@3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268#tokenizer.json"

ROWS: tuple[Model, ...] = (
    Model(
        name="clipseg",
        stage="effects",
        graphs=("prompt", "effects"),
        architecture="clipseg-rd64-refined",
        title="CLIPSeg rd64-refined, areas from words",
        licence="Apache-2.0",
        page="https://huggingface.co/CIDAS/clipseg-rd64-refined",
        files=(
            Checkpoint(
                format="safetensors",
                filename="clipseg-rd64-refined.safetensors",
                sources=(f"{_CLIPSEG}model.safetensors",),
                companions=(File(filename="tokenizer.json", sources=(_TOKENIZER,)),),
            ),
        ),
        recipe=Effects(
            picture=Picture(
                resize=352, kernel="linear", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
            ),
            context=77,
        ),
    ),
)
