"""Masks of characters as COCO JSON: run-length encoded, with the track of each.

    annotations.json
    images/frame_000000.png

The file is written as the frames come: memory doesn't grow with the film.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from trt_anime.errors import MissingError
from trt_anime.files import replacing
from trt_anime.runtime.delivery.people import EVERYONE, Subject, ids_at, subjects
from trt_anime.runtime.delivery.targets import Advance, Notify, delivering
from trt_anime.runtime.media.frames import Frame, Pixels
from trt_anime.runtime.results.places import frame_name
from trt_anime.runtime.results.planes import write_frame
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.results.shots import Shot

FILE_NAME = "annotations.json"
IMAGES = "images"


def write_coco(
    results: Results,
    target: Path,
    *,
    overwrite: bool = False,
    notify: Notify = lambda sentence: None,
    advance: Advance = lambda count: None,
) -> int:
    """Write pictures and masks of all frames; returns how many masks there are.

    An image's id is its frame's number plus 1. Frames that repeat one another have the same masks, each its
    own annotations, and picture files that are one where the file system can do that.

    Raises:
        MissingError: pycocotools isn't here.
        InputError: `target` holds something, there are no characters, or a file is damaged.
        OutputError: the disk is full; nothing is left.
    """
    try:
        import pycocotools.mask
    except ImportError as error:
        raise MissingError("--to coco needs `pip install 'trt-anime[datasets]'`") from error
    with delivering(target, what="coco", source=results.folder, overwrite=overwrite) as folder:
        who = subjects(results, notify)
        writer = _Writer(results, who, pycocotools.mask)
        # One list follows the other, so masks wait in a file of their own for the last image.
        with replacing(folder / FILE_NAME) as path, replacing(folder / "annotations.part") as waiting:
            with path.open("w", encoding="utf-8") as images, waiting.open("w", encoding="utf-8") as masks:
                images.write(writer.head())
                for shot, frame in _fresh_frames(results, advance):
                    writer.write(shot, frame, images, masks, folder / IMAGES)
                images.write('\n],\n"annotations": [')
            with path.open("ab") as whole, waiting.open("rb") as part:
                shutil.copyfileobj(part, whole)
                whole.write(b"\n]}\n")
        (folder / "annotations.part").unlink()
    return writer.count


def _fresh_frames(results: Results, advance: Advance) -> Iterator[tuple[Shot, Frame]]:
    with results.source() as source:
        for frame in source:
            index = frame.stamp.index
            if index >= results.frames:
                return
            shot = results.shot_of(index)
            if shot.drawn_at(index) == index:
                yield shot, frame
            advance(1)


class _Writer:
    def __init__(self, results: Results, who: tuple[Subject, ...], codec: Any) -> None:
        self._results, self._codec = results, codec
        labels = sorted({subject.label for subject in who})
        self._categories = {label: number for number, label in enumerate(labels, 1)}
        self._category_of = {subject.id or 1: self._categories[subject.label] for subject in who}
        self._tracked = who[0].id != EVERYONE
        self.count = 0
        self._images = 0

    def head(self) -> str:
        rows = [{"id": number, "name": label} for label, number in self._categories.items()]
        info = {"description": f"{Path(self._results.record['input']['path']).name}, by trt-anime"}
        return f'{{"info": {json.dumps(info)},\n"categories": {json.dumps(rows)},\n"images": ['

    def write(self, shot: Shot, frame: Frame, images: IO[str], masks: IO[str], folder: Path) -> None:
        """One picture and its masks, for every frame that shows it."""
        shown = shot.shown_at(frame.stamp.index)
        write_frame(folder, shown, frame.rgb)
        height, width = self._results.size
        ids = ids_at(self._results, frame.stamp.index)
        found = [] if ids is None else self._masks(ids)
        for index in shown:
            image = {
                "id": index + 1,
                "file_name": f"{IMAGES}/{frame_name(index)}",
                "width": width,
                "height": height,
                "frame": index,
                "shot": shot.number,
            }
            _append(images, image, first=self._images == 0)
            self._images += 1
            for mask in found:
                self.count += 1
                _append(masks, {"id": self.count, "image_id": index + 1} | mask, first=self.count == 1)

    def _masks(self, ids: Pixels) -> list[dict[str, Any]]:
        present = [
            int(identity) for identity in np.flatnonzero(np.bincount(ids.ravel(), minlength=2)) if identity
        ]
        found = []
        for identity in present:
            code = self._codec.encode(np.asfortranarray(ids == identity, np.uint8))
            row: dict[str, Any] = {
                "category_id": self._category_of.get(identity, 1),
                "segmentation": {"size": code["size"], "counts": code["counts"].decode("ascii")},
                "area": int(self._codec.area(code)),
                "bbox": [float(value) for value in self._codec.toBbox(code)],
                "iscrowd": 0,
            }
            found.append(row | ({"track_id": identity} if self._tracked else {}))
        return found


def _append(file: IO[str], row: dict[str, Any], *, first: bool) -> None:
    file.write(("\n" if first else ",\n") + json.dumps(row))
