"""A sheet of fills: the frame, its hole, what each way painted, and the truth."""

from collections.abc import Sequence

import cv2
import numpy as np

from samples.scene import GroundTruth
from trt_anime.runtime.media.frames import Pixels

PANEL = (240, 135)
MARK = (230, 60, 200)
_HEADER = 20


def row_of(truth: GroundTruth, hole: Pixels, answers: Sequence[Pixels]) -> Pixels:
    """uint8 [h,w,3]: side by side, the hole in magenta on the plate."""
    marked = np.where(hole[..., None] > 0, np.array(MARK, np.uint8), truth.plate)
    pictures = [truth.frame, marked, *answers, truth.plate]
    return np.hstack([cv2.resize(picture, PANEL, interpolation=cv2.INTER_AREA) for picture in pictures])


def sheet_of(rows: Sequence[Pixels], titles: Sequence[str]) -> bytes:
    """JPEG: `rows` as `row_of` gives them, below the titles of the answers."""
    strip = np.full((_HEADER, rows[0].shape[1], 3), 255, np.uint8)
    for number, title in enumerate(("frame", "hole", *titles, "truth")):
        place = (number * PANEL[0] + 4, _HEADER - 6)
        cv2.putText(strip, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    sheet = cv2.cvtColor(np.vstack([strip, *rows]), cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 72])
    assert done
    return data.tobytes()
