"""Does the GPU give what the CPU gives? Asked in every part before it tells a speed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu.findings import StepError
from benchmarks.gpu.part_parity import agreement, parity_words, readings
from trt_anime.errors import EngineError

if TYPE_CHECKING:
    from trt_anime.runtime.options import ProcessOptions

# Frames of a clip whose layers are compared, from its beginning.
FRAMES = 3
# Kernels for another batch size add in another order, and two roundings follow; of 255.
_GAP = 4


def require_as_cpu(graph: Path, run: Any, frames: Sequence[NDArray[np.uint8]], name: str) -> str:
    """A session's outputs against those of its graph on ONNX Runtime's CPU.

    Args:
        graph: the first of its model, in FP32.
        run: inputs by name to outputs by name, on the device.
        frames: uint8 [1,H,W,3].
        name: of what runs.

    Raises StepError: they are too far apart.
    """
    try:
        return parity_words(readings([graph])[0], run, frames, name)
    except EngineError as error:
        raise StepError(f"{error}; no speed is told", ()) from error


def giving(
    layers: Sequence[NDArray[np.uint8]], frames: Sequence[NDArray[np.uint8]]
) -> Callable[[Mapping[str, NDArray[Any]]], dict[str, NDArray[np.uint8]]]:
    """What stands for the run that made these layers, uint8 [1,H,W,4], of these frames, uint8 [1,H,W,3]."""

    def run(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.uint8]]:
        number = next(n for n, frame in enumerate(frames) if np.array_equal(frame, inputs["frame"]))
        return {"rgba": layers[number]}

    return run


def require_same(found: Sequence[NDArray[np.uint8]], expected: Sequence[NDArray[np.uint8]]) -> None:
    """Layers of frames that come again and again against those of the same frames, by themselves or before.

    Raises StepError: one is another.
    """
    for number, layer in enumerate(found):
        wanted = expected[number % len(expected)]
        gap = int(np.abs(layer.astype(int) - wanted).max())
        if gap > _GAP:
            raise StepError(
                f"frame {number} differs by {gap} of 255 from what it gave before; no speed is told", ()
            )


def require_layers_as_cpu(options: "ProcessOptions", graph: Path, folder: Path) -> str:
    """The first layers of stage 2a as a run on the device writes them against those of a run on the CPU.

    Args:
        options: of the run that is measured.
        graph: the matte's, in FP32.
        folder: for both runs' layers.

    Raises StepError: they are too far apart. Whatever `process_clip` raises.
    """
    from trt_anime.runtime.process import process_clip

    plain = replace(options, device="cpu", provider="onnxruntime", precision="fp32", allow_cpu_nodes=False)
    layers = []
    for name, one in (("reference", plain), ("device", options)):
        once = replace(one, output=folder / name, limit=FRAMES, held=False)
        record = process_clip(once, graph=lambda stage: graph)
        layers.append(_layers(once.output))
    origin = record.stages[0].origin
    expected, found = ({number: {"rgba": layer} for number, layer in enumerate(one)} for one in layers)
    try:
        return agreement(
            lambda inputs: expected[_number(inputs)],
            lambda inputs: found[_number(inputs)],
            [{"number": np.array([number])} for number in expected],
            name=origin["provider"],
            stage="matte",
            precision=origin["precision"],
        )
    except (EngineError, KeyError) as error:
        raise StepError(f"layers: {error}; no speed is told", ()) from error


def _number(inputs: Mapping[str, NDArray[Any]]) -> int:
    return int(inputs["number"][0])


def _layers(folder: Path) -> list[NDArray[np.uint8]]:
    """uint8 [1,H,W,4] each, in the clip's order."""
    import cv2

    from benchmarks.contenders import layers_in

    found = []
    for file in layers_in(folder):
        picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        found.append(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA), np.uint8)[None])
    return found
