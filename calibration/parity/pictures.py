"""The worst frame as a picture: what was given, what both made of it, and where they differ."""

import numpy as np
from numpy.typing import NDArray

from trt_anime.calibration.parity.case import Array, Case
from trt_anime.calibration.parity.compare import Comparison
from trt_anime.calibration.parity.measures import SCORE
from trt_anime.calibration.parity.tasks import Task

Picture = NDArray[np.uint8]

LABEL_HEIGHT = 32  # pixels
SQUARE = 16  # pixels, of the checkerboard
MOST_GAIN = 32  # a difference of one level is still seen, and still dark
GREYS = (160, 96)
GREEN, RED = (0, 255, 0), (255, 64, 64)


def worst_picture(comparison: Comparison, *, panel_width: int = 640) -> Picture:
    """Frame, reference, candidate and their amplified difference, side by side under their names.

    Wider frames are reduced to `panel_width`, in the difference so that single pixels survive. Layers lie
    on a checkerboard, index planes and tokens are in false colour, soft masks and numbers in a heat map.

    Returns:
        uint8 [h,w,3] RGB.
    """
    case, parity, task = comparison.worst, comparison.parity, comparison.task
    frame = _frame(case, panel_width)
    label, difference = _difference(task, case, frame)
    panels = {
        f"frame {case.index} of {parity.frames}": frame,
        f"reference: {parity.reference}": _shown(task, case, case.reference, frame),
        f"candidate: {parity.candidate}": _shown(task, case, case.candidate, frame),
        label: difference,
    }
    return np.hstack([_labelled(panel, text) for text, panel in panels.items()])


def worst_png(comparison: Comparison) -> bytes:
    """`worst_picture` as a PNG file's content."""
    import cv2

    picture = cv2.cvtColor(worst_picture(comparison), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", picture)[1].tobytes()


def _frame(case: Case, width: int) -> Picture:
    """The input `frame`, reduced; grey where the stage takes none."""
    frame = case.inputs.get("frame")
    if frame is not None and frame.ndim == 4:
        frame = frame[0]
    if frame is None or frame.dtype != np.uint8 or frame.ndim != 3:
        frame = np.full((width * 9 // 16, width, 3), 64, np.uint8)
    height = max(1, round(frame.shape[0] * width / frame.shape[1]))
    return frame if frame.shape[1] <= width else _resized(frame, (width, height))


def _shown(task: Task, case: Case, outputs: dict[str, Array], frame: Picture) -> Picture:
    """One side's output in the frame's size."""
    output = outputs[task.output]
    size = frame.shape[1], frame.shape[0]
    match task.drawing:
        case "layer":
            return _resized(_on_checkerboard(output), size)
        case "colour":
            return _resized(output, size)
        case "ids":
            return _nearest(_false_colour(_plane(output)), size)
        case "boxes":
            return _with_boxes(case, frame // 2, outputs, GREEN)
        case "levels":
            low, high = _range(case.reference[task.output])
            return _heat(_nearest((_plane(output).astype(np.float64) - low) * (255 / (high - low)), size))


def _difference(task: Task, case: Case, frame: Picture) -> tuple[str, Picture]:
    """Its label, and where both differ, in the frame's size."""
    if task.drawing == "boxes":
        both = _with_boxes(case, _with_boxes(case, frame // 2, case.reference, GREEN), case.candidate, RED)
        return "reference green, candidate red", both
    gap = _gap(task, case.reference[task.output], case.candidate[task.output])
    finite = gap[np.isfinite(gap)]
    largest = float(finite.max(initial=0.0))
    gain = max(1, min(MOST_GAIN, int(255 / largest))) if largest else 1
    return f"difference x{gain}", _heat(_reduced_peaks(gap * gain, (frame.shape[1], frame.shape[0])))


def _gap(task: Task, ours: Array, theirs: Array) -> NDArray[np.float64]:
    """How far they are apart, float64 [h,w], in levels of 255; infinite where a value is not finite."""
    low, high = _range(ours)
    if task.view:
        ours, theirs = task.view(ours), task.view(theirs)
    gap = np.abs(theirs.astype(np.float64) - ours) * (255 / (high - low))
    if task.drawing == "ids":
        gap = np.where(gap > 0, 255.0, 0.0)  # between ids there are no distances
    elif task.drawing in ("layer", "colour"):
        gap = gap.max(axis=-1)
    return _plane(np.nan_to_num(gap, nan=np.inf, posinf=np.inf))


def _plane(array: Array) -> Array:
    """[h,w]: of a stack of planes the brightest, of rows of numbers one strip."""
    if array.ndim > 2:
        return np.asarray(array.reshape(-1, *array.shape[-2:]).max(axis=0))
    return array if array.ndim == 2 else array.reshape(1, -1)


def _range(values: Array) -> tuple[float, float]:
    """What is black and what is white: of bytes their own, else the reference's."""
    if values.dtype == np.uint8:
        return 0.0, 255.0
    low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + 1


def _on_checkerboard(rgba: Array) -> Picture:
    y, x = np.indices(rgba.shape[:2]) // SQUARE
    board = np.where((x + y) % 2, *GREYS)[..., None]
    alpha = rgba[..., 3:] / 255
    return np.asarray(np.rint(rgba[..., :3] * alpha + board * (1 - alpha)), np.uint8)


def _false_colour(ids: Array) -> Picture:
    """A colour per id, 0 black; neighbouring ids far apart."""
    index = ids.astype(np.int64)[..., None]
    colours = 64 + index * np.array([97, 57, 173]) % 192
    return np.where(index == 0, 0, colours).astype(np.uint8)


def _with_boxes(
    case: Case, frame: Picture, outputs: dict[str, Array], colour: tuple[int, int, int]
) -> Picture:
    """With a rectangle for each box that counts, as large as the frame is shown."""
    import cv2

    picture = frame.copy()
    given = case.inputs.get("frame")
    scale = 1.0 if given is None else frame.shape[1] / given.shape[-2]
    boxes = np.nan_to_num(outputs["boxes"][outputs["scores"] >= SCORE].astype(np.float64))
    for x0, y0, x1, y1 in np.clip(boxes * scale, -1e4, 1e4).round().astype(int):
        cv2.rectangle(picture, (int(x0), int(y0)), (int(x1), int(y1)), colour, 2)
    return picture


def _heat(levels: NDArray[np.float64]) -> Picture:
    """0..255 from black over red to white; what is not finite is white."""
    import cv2

    plane = np.clip(np.nan_to_num(levels, nan=255.0), 0, 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(plane, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    import cv2

    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _nearest(picture: Array, size: tuple[int, int]) -> Array:
    import cv2

    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST))


def _reduced_peaks(levels: NDArray[np.float64], size: tuple[int, int]) -> Array:
    """Each pixel the highest of those that it stands for."""
    import cv2

    finite = np.clip(levels, 0, 255).astype(np.float32)
    reach = max(1, -(-levels.shape[1] // size[0])), max(1, -(-levels.shape[0] // size[1]))
    return _nearest(cv2.dilate(finite, np.ones((reach[1], reach[0]), np.uint8)), size)


def _labelled(panel: Picture, text: str) -> Picture:
    import cv2

    band = np.zeros((LABEL_HEIGHT, panel.shape[1], 3), np.uint8)
    scale = 0.6
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    scale *= min(1.0, (panel.shape[1] - 12) / width)
    cv2.putText(band, text, (6, 22), cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([band, panel])
