"""Networks that describe a picture, or a text, by one vector."""

from trt_anime.export.catalogue.rows import Checkpoint, File, Model
from trt_anime.export.recipes.embed import Embedding
from trt_anime.export.recipes.pictures import Picture

_CLIP_B32 = "hf:openai/clip-vit-base-patch32@3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268#"
_CLIP_L14 = "hf:openai/clip-vit-large-patch14@32bd64288804d66eefd0ccbe215aa642df71cc41#"
_DINO_S = "hf:facebook/dinov2-small@ed25f3a31f01632728cabb09d1542f84ab7b0056#"
_DINO_B = "hf:facebook/dinov2-base@f9e44c814b77203eaa57a6bdbbd535f21ede1415#"
_DINO_L = "hf:facebook/dinov2-large@47b73eefe95e8d44ec3623f8890bd894b6ea2d6c#"

_CLIP_NOTE = (
    "the licence is that of the authors' code, they state none for the weights; their model card keeps"
    " deployment without a study of its effects out of scope"
)

_CLIP = Embedding(
    picture=Picture(
        resize=224,
        crop=224,
        kernel="cubic",
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
    ),
    context=77,
)
_DINO = Embedding(
    picture=Picture(
        resize=256, crop=224, kernel="cubic", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )
)


def _clip(name: str, title: str, page: str, *files: Checkpoint) -> Model:
    return Model(
        name=name,
        stage="embed",
        graphs=("embed_text", "embed"),
        architecture=name,
        title=title,
        licence="MIT",
        licence_note=_CLIP_NOTE,
        page=page,
        files=files,
        recipe=_CLIP,
    )


def _dino(name: str, title: str, page: str, source: str) -> Model:
    return Model(
        name=name,
        stage="embed",
        architecture=name,
        title=title,
        licence="Apache-2.0",
        page=page,
        files=(
            Checkpoint(
                format="safetensors",
                filename=f"{name}.safetensors",
                sources=(f"{source}model.safetensors",),
            ),
        ),
        recipe=_DINO,
    )


def _tokenizer(repository: str) -> tuple[File, ...]:
    return (File(filename="tokenizer.json", sources=(f"{repository}tokenizer.json",)),)


ROWS: tuple[Model, ...] = (
    _clip(
        "clip-b32",
        "CLIP ViT-B/32, pictures beside texts",
        "https://huggingface.co/openai/clip-vit-base-patch32",
        Checkpoint(
            format="pth",
            filename="clip-b32.pth",
            sources=(f"{_CLIP_B32}pytorch_model.bin",),
            companions=_tokenizer(_CLIP_B32),
        ),
    ),
    _clip(
        "clip-l14",
        "CLIP ViT-L/14, finer and slower than B/32",
        "https://huggingface.co/openai/clip-vit-large-patch14",
        Checkpoint(
            format="safetensors",
            filename="clip-l14.safetensors",
            sources=(f"{_CLIP_L14}model.safetensors",),
            companions=_tokenizer(_CLIP_L14),
        ),
    ),
    _dino(
        "dinov2-s",
        "DINOv2 small, what is alike looks alike",
        "https://huggingface.co/facebook/dinov2-small",
        _DINO_S,
    ),
    _dino(
        "dinov2-b", "DINOv2 base, finer and slower", "https://huggingface.co/facebook/dinov2-base", _DINO_B
    ),
    _dino("dinov2-l", "DINOv2 large, the finest", "https://huggingface.co/facebook/dinov2-large", _DINO_L),
)
