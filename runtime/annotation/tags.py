"""Tags of frames by CLIP: which phrases of a vocabulary a picture's vector is near to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trt_anime.runtime.annotation.networks import TextEncoder, unit
from trt_anime.runtime.annotation.vocabulary import Group, Vocabulary
from trt_anime.runtime.text.embeddings import Vectors

# CLIP was trained with its cosines times 100 under a softmax, the most that its authors let it learn
# (Radford et al. 2021): under it, scores are the chances that the training taught.
SCALE = 100.0


@dataclass(frozen=True)
class Tag:
    """Attributes:
    source: ``clip`` or ``wd``.
    score: 0..1.
    """

    name: str
    group: str
    source: str
    score: float


class ClipTagger:
    """Tags out of a vocabulary, whose texts are encoded once."""

    def __init__(self, vocabulary: Vocabulary, encoder: TextEncoder) -> None:
        """Raises InputError: a phrase is too long for the network. OutputError."""
        self._groups = [(group, _vectors_of(group, encoder)) for group in vocabulary if group.tags]

    def tags(self, vectors: Vectors) -> list[list[Tag]]:
        """Of each picture, the likeliest first.

        Args:
            vectors: float32 [N,D] of length 1, from the same model's pictures.
        """
        found: list[list[Tag]] = [[] for _ in vectors]
        for group, texts in self._groups:
            scores = scores_of(vectors @ texts.T, several=group.several)
            for own, row in zip(found, scores, strict=True):
                own += _over(group, row)
        for own in found:
            own.sort(key=lambda tag: -tag.score)
        return found


def texts_of(group: Group) -> list[str]:
    """What the network reads: of each phrase, and last of the neutral one, all templates."""
    phrases = [*group.tags.values(), group.neutral]
    return [template.format(phrase) for phrase in phrases for template in group.templates]


def scores_of(cosines: Vectors, *, several: bool) -> Vectors:
    """float32 [N,T], 0..1, from cosines [N,T+1], of which the last is that of the neutral phrase.

    One of a group: a softmax over its tags and the neutral phrase, which takes what no tag deserves.
    Several: a softmax over each tag and the neutral phrase alone.
    """
    logits = np.float32(SCALE) * cosines
    tags, neutral = logits[:, :-1], logits[:, -1:]
    if several:
        result: Vectors = 1 / (1 + np.exp(np.clip(neutral - tags, -80, 80)))
        return result
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Vectors = (weights / weights.sum(axis=1, keepdims=True))[:, :-1]
    return shares


def _vectors_of(group: Group, encoder: TextEncoder) -> Vectors:
    """float32 [T+1,D]: of each tag, and last of the neutral phrase, the mean over the templates."""
    vectors = encoder.vectors(texts_of(group))
    return unit(vectors.reshape(len(group.tags) + 1, len(group.templates), -1).mean(axis=1))


def _over(group: Group, scores: Sequence[np.float32] | Vectors) -> list[Tag]:
    tags = [
        Tag(name, group.name, "clip", float(score))
        for name, score in zip(group.tags, scores, strict=True)
        if score >= group.threshold
    ]
    return tags if group.several else sorted(tags, key=lambda tag: -tag.score)[:1]
