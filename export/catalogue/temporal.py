"""Networks that follow objects through a clip."""

from trt_anime.export.catalogue.rows import Checkpoint, Model
from trt_anime.export.recipes.temporal import Tracking

_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
# 480p is what these networks were trained and judged at. Attention over AOT's memory grows with the square
# of the pixels: at the 577 x 1041 that its authors allow at most, it would take 1.5 GB a layer.
_FULL_HD = Tracking(height=1080, width=1920, short_side=480)


def _aot(
    name: str,
    title: str,
    filename: str,
    drive: str,
    *,
    size_bytes: int | None = None,
    sha256: str | None = None,
) -> Model:
    file = Checkpoint(
        format="pth", filename=filename, size_bytes=size_bytes, sha256=sha256, sources=(_DRIVE + drive,)
    )
    return Model(
        name=name,
        stage="temporal",
        graphs=("encode", "refer", "propagate", "decode", "memorise"),
        architecture=name.replace("-", "_"),
        title=title,
        licence="BSD-3-Clause",
        licence_note="the licence is that of the authors' code; they state none for the weights",
        page="https://github.com/yoxu515/aot-benchmark",
        files=(file,),
        recipe=_FULL_HD,
    )


ROWS: tuple[Model, ...] = (
    Model(
        name="xmem",
        stage="temporal",
        graphs=("key", "value", "read", "decode", "merge", "consolidate"),
        architecture="xmem",
        title="XMem, follows objects, remembers long",
        licence="MIT",
        page="https://github.com/hkchengrex/XMem",
        files=(
            Checkpoint(
                format="pth",
                filename="XMem.pth",
                sources=("https://github.com/hkchengrex/XMem/releases/download/v1.0/XMem.pth",),
            ),
        ),
        recipe=_FULL_HD,
    ),
    _aot(
        "aot-t",
        "AOT tiny, follows up to ten objects",
        "AOTT_PRE_YTB_DAV.pth",
        "1owPmwV4owd_ll6GuilzklqTyAd0ZvbCu",
    ),
    _aot(
        "r50-aot-l",
        "AOT large on ResNet-50",
        "R50_AOTL_PRE_YTB_DAV.pth",
        "1qJDYn3Ibpquu4ffYoQmVjg1YCbr2JQep",
    ),
    _aot(
        "deaot-t",
        "DeAOT tiny, identity and appearance apart",
        "DeAOTT_PRE_YTB_DAV.pth",
        "1ThWIZQS03cYWx1EKNN8MIMnJS5eRowzr",
    ),
    _aot(
        "r50-deaot-l",
        "DeAOT large on ResNet-50",
        "R50_DeAOTL_PRE_YTB_DAV.pth",
        "1QoChMkTVxdYZ_eBlZhK2acq9KMQZccPJ",
        size_bytes=236_513_959,
        sha256="7e8a8d83310739bac02817f6bf48b6bbe2bbd7d5325722f1084088eb3aee1e06",
    ),
)
