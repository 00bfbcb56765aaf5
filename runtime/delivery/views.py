"""The views of a frame that previews show side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np

from trt_anime.runtime.delivery.compose import CHARACTER, EFFECT, F32, PLATE, rounded
from trt_anime.runtime.delivery.drawing import DARK, checkerboard, coloured, number_labels, write
from trt_anime.runtime.media.frames import Pixels
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import Blend, LayerFolder
from trt_anime.runtime.results.planes import read_plane
from trt_anime.runtime.results.reader import Results

SOURCE, SEGMENTS, TRACKS = "source", "segments", "tracks"
CHARACTERS, EFFECTS, BACKGROUND, RECOMPOSED = "characters", "effects", "plate", "recomposed"

STAGES = {
    "1": "segments",
    "2a": "characters",
    "2b": "effects",
    "2c": "plates",
    "3": "tracks",
    "4": "annotation",
}
"""What each stage gives, by its number."""

_OF_LAYERS = (PLATE, CHARACTER, EFFECT)
_LABELS = {SEGMENTS: places.SEGMENTS, TRACKS: places.TRACKS}
# By view: the layers that are laid on each other, and whether on a checkerboard or on black.
_COMPOSED = {
    CHARACTERS: ((CHARACTER,), True),
    EFFECTS: ((EFFECT,), False),
    BACKGROUND: ((PLATE,), True),
    RECOMPOSED: ((PLATE, CHARACTER, EFFECT), True),
}
_GREY = 90
_SQUARES = 40  # of a checkerboard, over a view's width


def stages_there(results: Results) -> tuple[str, ...]:
    """Numbers of the stages whose results the folder holds."""
    layers = {layer.stage for layer in results.layers.folders}
    return tuple(
        number
        for number in STAGES
        if number in layers
        or (number not in _OF_LAYERS and (results.folder / places.FOLDERS[number]).is_dir())
    )


def views_there(results: Results, wanted: Sequence[str]) -> list[str]:
    """Of the views, those that the folder has something for; it takes two kinds of layers to recompose."""
    there = set(stages_there(results))
    kinds = len(there & {CHARACTER, EFFECT, PLATE})
    has = {
        SOURCE: True,
        SEGMENTS: "1" in there,
        TRACKS: "3" in there,
        CHARACTERS: CHARACTER in there,
        EFFECTS: EFFECT in there,
        BACKGROUND: PLATE in there,
        RECOMPOSED: kinds > 1,
    }
    return [name for name in wanted if has[name]]


def absences(results: Results) -> list[str]:
    """Sentences about stages that left nothing, or less than they could, and why, as `run.json` has it."""
    there = stages_there(results)
    reasons = {str(number): str(why) for number, why in results.record.get("without", {}).items()}
    return [
        f"{STAGES[number]} ({number}): {reasons.get(number, 'not run')}"
        for number in STAGES
        if number in reasons or number not in there
    ]


@dataclass(frozen=True)
class Viewer:
    """Draws views of a run's frames at one size.

    Attributes:
        size: (width, height) of a view in pixels.
    """

    results: Results
    size: tuple[int, int]

    def views(self, names: Sequence[str], index: int, source: Pixels) -> list[Pixels]:
        """uint8 [h,w,3] RGB each. Raises InputError.

        Args:
            names: some of this module's.
            source: uint8 [H,W,3], the clip's frame.
        """
        order = self.results.layers.in_shot(self.results.shot_of(index).number)
        small = [
            (layer, self._small_layer(rgba))
            for layer in order
            if (rgba := self.results.rgba(layer, index)) is not None
        ]
        return [self._view(name, index, source, small) for name in names]

    def _view(self, name: str, index: int, source: Pixels, layers: list[tuple[LayerFolder, F32]]) -> Pixels:
        if name == SOURCE:
            return self._small(source)
        if name in _LABELS:
            return self._labelled(name, index, source)
        stages, board = _COMPOSED[name]
        width, height = self.size
        if board:
            below = checkerboard(height, width, max(4, width // _SQUARES)).astype(np.float32)
        else:
            below = np.zeros((height, width, 3), np.float32)
        for layer, premultiplied in layers:
            if layer.stage in stages:
                _lay_small(below, premultiplied, layer.blend)
        return rounded(below)

    def _small(self, picture: Pixels) -> Pixels:
        return np.asarray(cv2.resize(picture, self.size, interpolation=cv2.INTER_AREA), np.uint8)

    def _small_layer(self, rgba: Pixels) -> F32:
        """float32 [h,w,4] 0..255, colours times alpha: what is transparent must not bleed in."""
        alpha = rgba[..., 3]
        if alpha.min() < 255:
            share = cv2.merge([alpha, alpha, alpha, np.full_like(alpha, 255)])
            rgba = np.asarray(cv2.multiply(rgba, share, scale=1 / 255), np.uint8)
        return self._small(rgba).astype(np.float32)

    def _labelled(self, name: str, index: int, source: Pixels) -> Pixels:
        """Segments are those of the last key frame, on plain grey where that shows something else."""
        folder = self.results.folder / _LABELS[name]
        shot = self.results.shot_of(index)
        width, height = self.size
        grey = np.asarray(cv2.cvtColor(self._small(source), cv2.COLOR_RGB2GRAY), np.uint8)
        fresh = range(index, index - 1, -1) if name == TRACKS else range(index, shot.start - 1, -1)
        found = next((k for k in fresh if (folder / places.frame_name(k)).exists()), None)
        if found is None:
            return coloured(grey, np.zeros((height, width), np.uint8))
        labels = read_plane(folder / places.frame_name(found))
        elsewhere = shot.drawn_at(found) != shot.drawn_at(index)
        picture = coloured(np.full_like(grey, _GREY) if elsewhere else grey, labels)
        if elsewhere:
            write(picture, f"frame {found}", (8, height - 9), size=13, colour=DARK)
        if name == TRACKS:
            number_labels(picture, labels, size=max(12, width // 18))
        return picture


def view_size(results: Results, width: int) -> tuple[int, int]:
    """(width, height) of views that are `width` wide, with the shape that the clip shows in."""
    rows, columns = results.size
    aspect = Fraction(results.record["input"].get("pixel_aspect", 1))
    return width, max(2, round(width * rows / (columns * aspect)))


def _lay_small(below: F32, premultiplied: F32, blend: Blend) -> None:
    if blend == "over":
        below *= 1 - premultiplied[..., 3:] / 255
    below += premultiplied[..., :3]
    np.minimum(below, 255, out=below)


def clock(seconds: Fraction) -> str:
    """Minutes, seconds and milliseconds, such as ``1:02.345``."""
    milliseconds = round(seconds * 1000)
    whole, part = divmod(abs(milliseconds), 1000)
    return f"{'-' if milliseconds < 0 else ''}{whole // 60}:{whole % 60:02d}.{part:03d}"
