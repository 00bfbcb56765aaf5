"""Taggers of the WD family, imported as their publishers give them: an ONNX graph and `selected_tags.csv`.

They read a white-padded square, uint8 values as float32, BGR, NHWC, and give a sigmoid for each tag.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.errors import EngineError, InputError
from trt_anime.runtime.annotation.networks import Runner
from trt_anime.runtime.annotation.tags import Tag
from trt_anime.runtime.media.frames import Pixels

CATEGORIES = {0: "general", 4: "character", 9: "rating"}
_COLUMNS = {"name", "category"}  # and, of no use here, tag_id and count


@dataclass(frozen=True)
class WdLabels:
    """Attributes:
    names: in the order of the graph's outputs, as published, with underscores.
    groups: of each name, ``general``, ``character``, ``rating``, or the category's number.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WdTagger:
    """Attributes:
    run: the graph; takes one picture a run.
    side: of the square that it takes, in pixels.
    input: name of its input, float32 [1,side,side,3].
    output: name of its output, float32 [1,tags], 0..1.
    general, character: the least score that counts; of the ratings, the likeliest one does.
    """

    run: Runner
    labels: WdLabels
    side: int = 448
    input: str = "input"
    output: str = "output"
    general: float = 0.35
    character: float = 0.85

    def tags(self, frames: Sequence[Pixels]) -> list[list[Tag]]:
        """Of each frame, uint8 [H,W,3] RGB, the likeliest first.

        Raises EngineError: the graph failed. InputError: it has another number of tags than the list.
        """
        return [self._tags(frame) for frame in frames]

    def _tags(self, frame: Pixels) -> list[Tag]:
        scores = self.run({self.input: prepared(frame, self.side)})[self.output][0]
        if len(scores) != len(self.labels.names):
            raise InputError(
                f"the tagger gives {len(scores)} scores, and its list has {len(self.labels.names)} tags;"
                " import the selected_tags.csv that was published with it"
            )
        tags = [
            Tag(name, group, "wd", float(score))
            for name, group, score in zip(self.labels.names, self.labels.groups, scores, strict=True)
            if score >= {"character": self.character, "rating": 0.0}.get(group, self.general)
        ]
        ratings = sorted((tag for tag in tags if tag.group == "rating"), key=lambda tag: -tag.score)
        kept = [tag for tag in tags if tag.group != "rating"] + ratings[:1]
        return sorted(kept, key=lambda tag: -tag.score)


def prepared(frame: Pixels, side: int) -> NDArray[np.float32]:
    """float32 [1,side,side,3], 0..255, BGR: the frame in the middle of a white square of that size."""
    height, width = frame.shape[:2]
    long = max(height, width)
    square = np.full((long, long, 3), 255, np.uint8)
    top, left = (long - height) // 2, (long - width) // 2
    square[top : top + height, left : left + width] = frame
    small = cv2.resize(
        square, (side, side), interpolation=cv2.INTER_AREA if long > side else cv2.INTER_CUBIC
    )
    return np.ascontiguousarray(small[None, ..., ::-1], np.float32)


def read_labels(path: Path) -> WdLabels:
    """`selected_tags.csv`: columns tag_id, name, category, count.

    Raises InputError: it can't be read, or is another list.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = _COLUMNS - set(reader.fieldnames or ())
            if missing:
                raise InputError(
                    f"{path}: has no column {' and '.join(sorted(missing))}; give the selected_tags.csv"
                    " that was published with the tagger"
                )
            rows = [(row["name"], int(row["category"])) for row in reader]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: can't be read as a list of tags ({error})") from error
    if not rows:
        raise InputError(f"{path}: is empty; give the selected_tags.csv that was published with the tagger")
    groups = tuple(CATEGORIES.get(category, str(category)) for _, category in rows)
    return WdLabels(tuple(name for name, _ in rows), groups)


def wd_tagger_from(graph: Path, labels: Path, *, threads: int) -> WdTagger:
    """A tagger on ONNX Runtime, on the CPU; the graph is the published one, no stage graph.

    Raises:
        InputError: one of the files isn't what it should be.
        MissingError: ONNX Runtime isn't installed.
    """
    from trt_anime.runtime.sessions import ort

    names = read_labels(labels)
    module = ort.onnxruntime(extra="cpu")
    options = module.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = module.InferenceSession(str(graph), options, providers=[ort.CPU])
    except Exception as error:  # ONNX Runtime's classes share no base but Exception
        raise InputError(f"{graph}: can't be loaded as a tagger ({ort.reason(error)})") from error
    (source,), (target, *_) = session.get_inputs(), session.get_outputs()
    shape = source.shape
    if len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2] or not isinstance(shape[1], int):
        raise InputError(
            f"{graph}: takes {shape}, where taggers of this family take a square picture with the colours"
            " last; import a WD tagger's model.onnx"
        )

    def run(inputs: Any) -> dict[str, NDArray[Any]]:
        try:
            return {target.name: session.run([target.name], dict(inputs))[0]}
        except Exception as error:
            raise EngineError(f"{graph}: ONNX Runtime failed ({ort.reason(error)})") from error

    return WdTagger(run=run, labels=names, side=shape[1], input=source.name, output=target.name)
