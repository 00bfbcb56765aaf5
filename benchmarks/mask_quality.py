"""Does the mask stage draw what a box encloses? MobileSAM with real weights, against ground truth.

    python -m benchmarks.mask_quality

Writes its record, docs/mask_quality.md and docs/images/masks.jpg; with options, prints only.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import records
from benchmarks.mask_boxes import Asked, asked_by_matte, asked_by_truth, iou
from benchmarks.quality_frames import ARTS, Case
from benchmarks.tables import markdown
from samples.scene import GroundTruth
from trt_anime.errors import TrtAnimeError
from trt_anime.export import graphs
from trt_anime.export.check import Frames, session_of
from trt_anime.files import write_bytes

DOCS = Path(__file__).parents[1] / "docs"
COMMAND = "python -m benchmarks.mask_quality"
MODEL, MATTE = "mobile-sam", "u2netp"
SIZES = ("720p", "1080p")
GREEN = np.array((40, 190, 60), np.float32)
PANEL = (480, 270)


@dataclass(frozen=True)
class Score:
    """Of one box: IoU of the mask with the truth, what the network expected, and the matte's own IoU."""

    iou: float
    quality: float
    matte: float | None


class Masker:
    """The two stage graphs on ONNX Runtime."""

    def __init__(self, model: str) -> None:
        """Raises DownloadError: the weights are not here, and no source gives them."""
        import onnx

        made = graphs.ensure(model)
        self._image, self._mask = (session_of(onnx.load(made[name])) for name in ("image", "mask"))

    def masks(self, frame: Frames, boxes: NDArray[np.float32]) -> tuple[Frames, NDArray[np.float32]]:
        """frame uint8 [H,W,3], boxes float32 [N,4] -> masks uint8 [N,H,W], quality float32 [N]."""
        (embedding,) = self._image.run(["embedding"], {"frame": frame[None]})
        feeds = {"embedding": embedding, "boxes": boxes[None], "size": np.array(frame.shape[:2], np.int64)}
        masks, quality = self._mask.run(["mask", "quality"], feeds)
        return np.asarray(masks)[0], np.asarray(quality)[0]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        rows, sheet = _measured(given.per_shot)
        content = records.facts(COMMAND, ("trt-anime", "onnxruntime", "numpy")) | {"rows": rows}
        print(document(content))
        if given == _parser().parse_args([]):
            records.keep("mask_quality", content)
            write_bytes(DOCS / "images" / "masks.jpg", sheet)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    return 0


def _measured(per_shot: int) -> tuple[list[dict[str, Any]], bytes]:
    import onnx

    masker, matte = Masker(MODEL), session_of(onnx.load(graphs.ensure(MATTE)["matte"]))
    rows, panels = [], []
    for case in (Case(art, size) for art in ARTS for size in SIZES):
        scores: dict[str, list[Score]] = {"truth": [], "matte": []}
        for truth in case.truths(per_shot):
            (rgba,) = matte.run(["rgba"], {"frame": truth.frame[None]})
            asked = [asked_by_truth(truth), asked_by_matte(truth, np.asarray(rgba)[0, ..., 3])]
            for one in asked:
                if len(one.boxes):
                    masks, quality = masker.masks(truth.frame, one.boxes)
                    scores[one.by] += _scores(one, masks, quality)
                    if case.size == "720p":
                        panels.append(_panel(truth, one, masks))
        rows += [_row(case, by, found) for by, found in scores.items() if found]
        print(f"{case.art} {case.size}", flush=True)
    return rows, _sheet(panels)


def _scores(asked: Asked, masks: Frames, quality: NDArray[np.float32]) -> list[Score]:
    return [
        Score(iou(mask >= 128, truth), float(expected), asked.matte_iou)
        for mask, truth, expected in zip(masks, asked.truths, quality, strict=True)
    ]


def _row(case: Case, by: str, scores: list[Score]) -> dict[str, Any]:
    values = [score.iou for score in scores]
    own = [score.matte for score in scores if score.matte is not None]
    return {
        "film": f"{case.art} {case.size}",
        "by": by,
        "masks": len(scores),
        "iou": round(float(np.mean(values)), 4),
        "lowest": round(float(np.min(values)), 4),
        "expected": round(float(np.mean([score.quality for score in scores])), 4),
        "matte": round(float(np.mean(own)), 4) if own else None,
    }


def document(content: Mapping[str, Any]) -> str:
    """The whole page of a record."""
    head = ["film, boxes", "masks", "IoU", "lowest", "IoU expected", f"IoU of {MATTE}"]
    rows = [
        [
            f"{row['film']}, boxes of the {row['by']}",
            str(row["masks"]),
            *(f"{row[name]:.3f}" for name in ("iou", "lowest", "expected")),
            "\N{EN DASH}" if row["matte"] is None else f"{row['matte']:.3f}",
        ]
        for row in content["rows"]
    ]
    where = f"{content['date']}. {content['machine']}. {content['versions']}."
    return f"""# Masks from boxes

*Written by `{content["command"]}`; don't edit. {where}*

MobileSAM with its published weights, asked with boxes, against the exact truth of the film.

{markdown(head, rows)}

*Boxes of the truth* enclose what is seen of one person; the mask is held against that person's pixels.
*Boxes of the matte* enclose the largest part of what {MATTE} found; the mask is held against all characters
that this box holds, and so is {MATTE}'s own matte (last column). *IoU expected* is the network's guess.

![masks on the film, boxes drawn in](images/masks.jpg)
"""


def _panel(truth: GroundTruth, asked: Asked, masks: Frames) -> Frames:
    """The frame, green where no mask is, with the boxes and who drew them."""
    alpha = masks.max(axis=0).astype(np.float32)[..., None] / 255
    picture = (truth.frame * alpha + GREEN * (1 - alpha)).round().astype(np.uint8)
    for left, top, right, bottom in asked.boxes.round().astype(int).tolist():
        cv2.rectangle(picture, (left, top), (right, bottom), (255, 60, 60), 3)
    small = cv2.resize(picture, PANEL, interpolation=cv2.INTER_AREA)
    cv2.putText(small, asked.by, (8, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 2, cv2.LINE_AA)
    return np.asarray(small, np.uint8)


def _sheet(panels: list[Frames], columns: int = 4) -> bytes:
    blank = np.full_like(panels[0], 255)
    panels = panels + [blank] * (-len(panels) % columns)
    rows = [np.hstack(panels[start : start + columns]) for start in range(0, len(panels), columns)]
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 82])
    assert done
    return data.tobytes()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mask_quality", description=__doc__)
    parser.add_argument(
        "--per-shot", type=int, default=2, help="frames of each of three shots [default: 2]"
    )
    parser.add_argument("--no-docs", action="store_true", help="print only, write nothing")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
