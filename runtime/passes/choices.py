"""What each stage of a run uses, and the presets, which are lists of such choices."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from trt_anime.runtime.effects import EffectPrompt

# Where a network may be left out, this stands for its name.
NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """Stage 1, on key frames.

    Attributes:
        method: ``mask2former``; ``sam``: asked about the parts of the matte; ``matte``: those parts.
        model: catalogue name of the network; ``none`` for ``matte``.
        confidence: 0..1, segments below it are left out.
        key_every: fresh frames from one key frame to the next.
    """

    method: Literal["mask2former", "sam", "matte"]
    model: str = NONE
    confidence: float = 0.5
    key_every: int = 24


@dataclass(frozen=True, kw_only=True)
class Characters:
    """Stage 2a: the network of the matte, and one layer for all characters or one for each."""

    model: str
    layout: Literal["merged", "separate"] = "merged"


@dataclass(frozen=True, kw_only=True)
class Effects:
    """Stage 2b.

    Attributes:
        method: ``clipseg``: heat from words; ``grounded-sam``: boxes from words, masks from boxes.
        models: catalogue names of the networks, in the order in which they run.
        blend: how effects lie on what is below; ``auto`` finds out for each.
    """

    method: Literal["clipseg", "grounded-sam"]
    models: tuple[str, ...]
    prompts: tuple[EffectPrompt, ...] = ()
    blend: Literal["auto", "over", "add"] = "auto"

    @property
    def wanted(self) -> list[str]:
        """Texts of the prompts that get a layer, bottom to top."""
        return [prompt.text for prompt in self.prompts if not prompt.negative]


@dataclass(frozen=True, kw_only=True)
class Plates:
    """Stage 2c.

    Attributes:
        model: what fills holes that no frame shows; ``none`` smooths them over without a network.
        layout: ``shot``: one plate a shot; ``frame``: besides, the plate as each frame shows it.
    """

    model: str
    layout: Literal["shot", "frame"] = "frame"


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """Stage 3, between key frames.

    Attributes:
        method: ``xmem``, ``aot`` (DeAOT too); ``sam``: asked again for each frame; ``flow``: masks moved
            along with the picture, without a network.
        model: catalogue name of the network; ``none`` for ``flow``.
        memory_frames: fresh frames from one that is remembered to the next, where the network has a memory.
    """

    method: Literal["xmem", "aot", "sam", "flow"]
    model: str = NONE
    memory_frames: int = 5


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Stage 4.

    Attributes:
        tags, captions, embeddings: catalogue names; ``none`` leaves that column empty.
        tagger: the graph (ONNX) of a tagger that was imported; its ``selected_tags.csv`` lies beside it.
        vocabulary: the user's own tags instead of ours.
    """

    tags: str = NONE
    captions: str = NONE
    embeddings: str = NONE
    tagger: Path | None = None
    vocabulary: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Choices:
    """One run's."""

    segmentation: Segmentation
    characters: Characters
    effects: Effects
    plates: Plates
    tracking: Tracking
    annotation: Annotation = field(default_factory=Annotation)

    def models(self, stages: Iterable[str]) -> dict[str, str]:
        """Catalogue name -> number of the first of these stages that needs it."""
        wanted = {
            "1": (self.segmentation.model,),
            "2a": (self.characters.model,),
            "2b": self.effects.models if self.effects.prompts else (),
            "2c": (self.plates.model,),
            "3": (self.tracking.model,),
            "4": (self.annotation.tags, self.annotation.captions, self.annotation.embeddings),
        }
        pairs = [(model, stage) for stage in stages for model in wanted[stage] if model != NONE]
        return {model: stage for model, stage in reversed(pairs)}


# `fast` needs nothing that a package registry can't give; `quality` has networks whose weights are not free
# for every use, which `trt-anime models info` says.
PRESETS: dict[str, Choices] = {
    "fast": Choices(
        segmentation=Segmentation(method="sam", model="mobile-sam"),
        characters=Characters(model="u2netp"),
        effects=Effects(method="clipseg", models=("clipseg",)),
        plates=Plates(model="migan"),
        tracking=Tracking(method="flow"),
    ),
    "balanced": Choices(
        segmentation=Segmentation(method="sam", model="mobile-sam"),
        characters=Characters(model="u2netp"),
        effects=Effects(method="clipseg", models=("clipseg",)),
        plates=Plates(model="lama"),
        tracking=Tracking(method="xmem", model="xmem"),
        annotation=Annotation(tags="clip-b32", embeddings="dinov2-s"),
    ),
    "quality": Choices(
        segmentation=Segmentation(method="mask2former", model="mask2former-large", key_every=12),
        characters=Characters(model="isnet-anime"),
        effects=Effects(method="grounded-sam", models=("grounding-dino-tiny", "sam-vit-b")),
        plates=Plates(model="lama"),
        tracking=Tracking(method="xmem", model="xmem", memory_frames=3),
        annotation=Annotation(tags="clip-l14", captions="blip2-opt-2.7b", embeddings="dinov2-b"),
    ),
}
