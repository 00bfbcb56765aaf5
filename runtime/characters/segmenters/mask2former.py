"""Characters by the stage `segment`: Mask2Former's tables, merged, and the classes that are people."""

from collections.abc import Collection

import numpy as np

from trt_anime.errors import InputError
from trt_anime.runtime.characters.found import Found, Frame, Matte, Runner, found_of
from trt_anime.runtime.segmentation import (
    Segments,
    instance_segments,
    panoptic_segments,
    semantic_segments,
)
from trt_anime.stage import StageInfo

PEOPLE = ("person", "people", "character", "rider", "girl", "boy", "man", "woman", "human", "face")
"""Classes that are characters, in lower case; what stands after a comma or a bracket is left off."""


class Mask2FormerSegmenter:
    """Args:
    runner: of the graph `segment`, one frame a run.
    info: the graph's, which names its classes and its task.
    people: names of the classes that are characters.
    confidence_threshold: 0..1; segments with a lower score are dropped.
    """

    def __init__(
        self,
        runner: Runner,
        info: StageInfo,
        *,
        people: Collection[str] = PEOPLE,
        confidence_threshold: float = 0.5,
    ) -> None:
        """Raises InputError: none of its classes is a character, or the task is unknown."""
        if info.task not in ("panoptic", "instance", "semantic"):
            raise InputError(f"{info.model}: no task {info.task!r} of segmentation; export the graph again")
        wanted = {name.lower() for name in people}
        self._people = frozenset(n for n, name in enumerate(info.labels) if _plain(name) in wanted)
        if not self._people:
            known = ", ".join(info.labels[:8])
            raise InputError(
                f"{info.model}: none of its classes ({known}, ...) is in the list of characters"
                f" ({', '.join(sorted(wanted))}); add one that is"
            )
        self._runner, self._info, self._threshold = runner, info, confidence_threshold

    def segment(self, frame: Frame, matte: Matte | None) -> Found:
        """See `Segmenter.segment`; needs no matte."""
        merged = self._merged(frame)
        sure = [segment.score >= self._threshold for segment in merged.found]
        table = np.zeros(256, np.uint16)
        table[[segment.id for segment, kept in zip(merged.found, sure, strict=True) if kept]] = [
            segment.id for segment, kept in zip(merged.found, sure, strict=True) if kept
        ]
        return found_of(
            table[merged.ids],
            labels=[self._name(segment.label) for segment in merged.found],
            scores=[segment.score for segment in merged.found],
            characters=[segment.label in self._people for segment in merged.found],
        )

    def _merged(self, frame: Frame) -> Segments:
        tables = self._runner({"frame": frame[None]})
        index, scores, labels = (tables[name][0] for name in ("index", "scores", "labels"))
        if self._info.task == "semantic":
            return semantic_segments(index, scores, labels)
        areas = tables["areas"][0]
        if self._info.task == "instance":
            return instance_segments(index, scores, labels, areas)
        stuff = range(self._info.things, len(self._info.labels))
        return panoptic_segments(index, scores, labels, areas, stuff=stuff)

    def _name(self, label: int) -> str:
        labels = self._info.labels
        return labels[label] if 0 <= label < len(labels) else str(label)


def _plain(name: str) -> str:
    """The class' first name: `Person, human (any)` is a `person`."""
    return name.lower().split(",")[0].split("(")[0].split(";")[0].strip()
