"""Networks that describe a picture."""

from trt_anime.export.catalogue.rows import Checkpoint, File, Model
from trt_anime.export.recipes.caption import Captioning, Decoder, QFormer, Vision

GRAPHS = ("vision", "prefill", "step")

_BLIP2 = "hf:Salesforce/blip2-opt-2.7b@main#"
_BLIP = "hf:Salesforce/blip-image-captioning-base@main#"

# ViT-g/14 of EVA-CLIP and OPT-2.7B; "\n" ends a caption.
_BLIP2_OPT = Captioning(
    vision=Vision(side=224, patch=14, width=1408, hidden=6144, layers=39, heads=16, norm_eps=1e-6),
    qformer=QFormer(queries=32, width=768, hidden=3072, layers=12, heads=12, norm_eps=1e-12, cross_every=2),
    decoder=Decoder(
        vocabulary=50304,
        positions=2048,
        width=2560,
        hidden=10240,
        layers=32,
        heads=32,
        norm_eps=1e-5,
        start=2,
        stop=(50118,),
        pad=1,
    ),
)

# ViT-B/16 and a BERT that looks at the picture; [SEP] ends a caption.
_BLIP_BASE = Captioning(
    vision=Vision(side=384, patch=16, width=768, hidden=3072, layers=12, heads=12, norm_eps=1e-5),
    qformer=None,
    decoder=Decoder(
        vocabulary=30524,
        positions=512,
        width=768,
        hidden=3072,
        layers=12,
        heads=12,
        norm_eps=1e-12,
        start=30522,
        stop=(102,),
        pad=0,
    ),
)


def _from(repository: str, *names: str) -> tuple[File, ...]:
    return tuple(File(filename=name, sources=(repository + name,)) for name in names)


ROWS: tuple[Model, ...] = (
    Model(
        name="blip2-opt-2.7b",
        stage="caption",
        graphs=GRAPHS,
        architecture="blip2-opt",
        title="BLIP-2 with OPT-2.7B, captions, answers",
        licence="MIT",
        licence_note=(
            "the licence is that of BLIP-2; OPT's weights in it are under Meta's OPT-175B licence, which is"
            " for research and not for commercial use"
        ),
        page="https://huggingface.co/Salesforce/blip2-opt-2.7b",
        files=(
            Checkpoint(
                format="safetensors",
                filename="model-00001-of-00002.safetensors",
                sources=(_BLIP2 + "model-00001-of-00002.safetensors",),
                companions=_from(
                    _BLIP2,
                    "model-00002-of-00002.safetensors",
                    "model.safetensors.index.json",
                    "config.json",
                    "tokenizer.json",
                ),
            ),
        ),
        recipe=_BLIP2_OPT,
    ),
    Model(
        name="blip-base",
        stage="caption",
        graphs=GRAPHS,
        architecture="blip",
        title="BLIP base, captions for CPUs, 8 GB cards",
        licence="BSD-3-Clause",
        page="https://huggingface.co/Salesforce/blip-image-captioning-base",
        files=(
            Checkpoint(
                format="safetensors",
                filename="model.safetensors",
                sources=(_BLIP + "model.safetensors",),
                companions=_from(_BLIP, "config.json", "tokenizer.json"),
            ),
            Checkpoint(
                format="pth",
                filename="pytorch_model.bin",
                sources=(_BLIP + "pytorch_model.bin",),
                companions=_from(_BLIP, "config.json", "tokenizer.json"),
            ),
        ),
        recipe=_BLIP_BASE,
    ),
)
