"""The ground truth as files: one PNG a layer and frame, and truth.json.

frame_00000.png       RGB 8 bit
alpha_00000.png       grey 16 bit
foreground_00000.png  RGBA 16 bit, straight, its A the same as alpha
instance_00000.png    grey 8 bit
plate_00000.png       RGB 8 bit
effect_00000.png      RGBA 16 bit, as it is in GroundTruth: premultiplied, or additive light
"""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from samples.arrays import F32
from samples.compose import EffectKind
from samples.scene import GroundTruth, Scene
from trt_anime.errors import OutputError

Picture = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
LAYERS = ("frame", "alpha", "foreground", "instance", "plate", "effect")


class TruthWriter:
    """Writes what it is handed into a folder; a frame that repeats is a copy of the files it repeats."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        self.folder, self.scene = folder, scene
        self.kinds: dict[int, EffectKind] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, truth: GroundTruth) -> None:
        self.kinds[truth.index] = truth.effect_kind
        original = self.scene.held[truth.index]
        if original != truth.index and original in self.kinds:
            for layer in LAYERS:
                shutil.copyfile(self._path(layer, original), self._path(layer, truth.index))
            return
        for layer, picture in _pictures(truth).items():
            path = self._path(layer, truth.index)
            if not cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 3]):
                raise OutputError(f"{path} can't be written: is the disk full or the folder read-only?")

    def finish(self) -> None:
        """Write truth.json: options, rate, shots, held frames, kinds of effect."""
        options = self.scene.options
        record = {
            "options": dataclasses.asdict(options),
            "fps": str(self.scene.fps),
            "shots": [dataclasses.asdict(shot) for shot in self.scene.shots],
            "held": list(self.scene.held),
            "effect_kind": [self.kinds[index] for index in sorted(self.kinds)],
        }
        (self.folder / "truth.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    def _path(self, layer: str, index: int) -> Path:
        return self.folder / f"{layer}_{index:05}.png"


def _pictures(truth: GroundTruth) -> Mapping[str, Picture]:
    """The layers as OpenCV writes them: BGR(A)."""
    return {
        "frame": truth.frame[..., ::-1],
        "alpha": _sixteen(truth.alpha),
        "foreground": _sixteen(np.dstack([truth.foreground[..., ::-1], truth.alpha])),
        "instance": truth.instance,
        "plate": truth.plate[..., ::-1],
        "effect": _sixteen(truth.effect[..., [2, 1, 0, 3]]),
    }


def _sixteen(picture: F32) -> npt.NDArray[np.uint16]:
    return np.asarray(np.rint(picture * np.float32(65535)), np.uint16)
