"""What frames are looked at with, and one look at the frames that were chosen of a shot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from trt_anime.errors import InputError
from trt_anime.runtime.annotation.choice import Candidate, ShotChoice
from trt_anime.runtime.annotation.networks import PictureEncoder, TextEncoder
from trt_anime.runtime.annotation.store import AnnotationWriter
from trt_anime.runtime.annotation.tables import Row
from trt_anime.runtime.annotation.tags import ClipTagger, Tag
from trt_anime.runtime.annotation.vocabulary import VOCABULARY, Vocabulary
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.text.embeddings import Vectors


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What there is; what is None is left out, and said.

    Attributes:
        clip, dino: the graphs ``embed`` of a CLIP and of a DINOv2.
        clip_text: the graph ``embed_text`` of that same CLIP.
        wd: tags of frames, such as `WdTagger.tags`; nobody misses it who didn't import one.
        captions: of frames, such as a `Captioner`.
        per_shot: how many frames stand for a shot at most, from 1.
    """

    clip: PictureEncoder | None = None
    clip_text: TextEncoder | None = None
    dino: PictureEncoder | None = None
    wd: Callable[[Sequence[Pixels]], list[list[Tag]]] | None = None
    captions: Callable[[Sequence[Pixels]], list[str]] | None = None
    vocabulary: Vocabulary = VOCABULARY
    per_shot: int = 3

    def __post_init__(self) -> None:
        """Raises InputError: the two halves of CLIP have different weights, or no frame is wanted."""
        picture, text = self.clip, self.clip_text
        if picture and text and picture.checkpoint_sha256 != text.checkpoint_sha256:
            raise InputError(
                f"the graphs of {picture.model} and {text.model} are of different weights; run"
                f" `trt-anime export {picture.model}`"
            )
        if self.per_shot < 1:
            raise InputError(f"{self.per_shot} frames were asked for to stand for a shot; take 1 or more")

    @property
    def encoders(self) -> dict[str, PictureEncoder]:
        """Of pictures, by the names of their files."""
        return {name: one for name, one in (("clip", self.clip), ("dino", self.dino)) if one is not None}


class Describer:
    """Looks at the frames that were chosen of a shot with all tools that there are."""

    def __init__(self, tools: Tools) -> None:
        """Raises InputError: a phrase of the vocabulary is too long. OutputError, EngineError."""
        self._tools = tools
        both = tools.clip is not None and tools.clip_text is not None
        self._tagger = ClipTagger(tools.vocabulary, tools.clip_text) if both and tools.clip_text else None

    def describe(self, rows: Sequence[Row], choice: ShotChoice, writer: AnnotationWriter) -> int:
        """Complete a shot's rows and write them, and the vectors of chosen frames; how many those are.

        Raises EngineError: a network failed. OSError: the disk is full.
        """
        represent, best = choice.representatives, choice.best
        chosen: dict[int, Candidate] = {index: candidate for index, (candidate, _) in represent.items()}
        chosen |= {candidate.index: candidate for candidate in best.values()}
        indices = sorted(chosen)
        frames = [chosen[index].rgb for index in indices]
        vectors = {name: one.vectors(frames) for name, one in self._tools.encoders.items() if frames}
        for name, array in vectors.items():
            writer.write_vectors(name, indices, array)
        tags = self._tags(frames, vectors.get("clip"))
        captions = self._tools.captions(frames) if self._tools.captions and frames else None
        place = {index: number for number, index in enumerate(indices)}
        writer.write_rows(
            [
                replace(
                    row,
                    represents=represent[row.frame][1] if row.frame in represent else (),
                    best_of=tuple(number for number, one in best.items() if one.index == row.frame),
                    tags=tuple(tags[place[row.frame]]) if tags and row.frame in place else None,
                    caption=captions[place[row.frame]] if captions and row.frame in place else None,
                )
                for row in rows
            ]
        )
        return len(indices)

    def _tags(self, frames: Sequence[Pixels], vectors: Vectors | None) -> list[list[Tag]] | None:
        """From CLIP's vocabulary, then from the tagger; None where there is neither."""
        lists = []
        if self._tagger and vectors is not None:
            lists.append(self._tagger.tags(vectors))
        if self._tools.wd and frames:
            lists.append(self._tools.wd(frames))
        return [list(chain(*own)) for own in zip(*lists, strict=True)] if lists else None
