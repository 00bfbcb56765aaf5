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
    from trt_anime.runtime.passes.choices import Choices
    from trt_anime.runtime.passes.networks import FilesOf

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

    reference, device = _both(options, folder)
    process_clip(reference, graph=lambda stage: graph)
    origin = process_clip(device, graph=lambda stage: graph).stages[0].origin
    return _agreement(reference.output, device.output, origin["provider"], origin["precision"])


def require_chain_as_cpu(
    options: "ProcessOptions", chosen: "Choices", files: "FilesOf", folder: Path
) -> tuple[str, float]:
    """A run's first character layers on the device against those of a run on the CPU, over several stages.

    Other layers hang on what networks with random weights find, where the last bit may decide; of those it
    is told how many are the same. Also returns the seconds that the device's run took.

    Raises StepError: they are too far apart. Whatever `process_chain` raises.
    """
    from trt_anime.runtime.passes.run import process_chain

    reference, device = both = _both(options, folder)
    process_chain(reference, chosen, files=files)
    took_s = process_chain(device, chosen, files=files).elapsed_s
    words = _agreement(reference.output, device.output, device.device, "fp32")
    ours, theirs = ({path.relative_to(one.output) for path in one.output.rglob("*.png")} for one in both)
    near = sum(_near(reference.output / name, device.output / name) for name in ours & theirs)
    return f"{words}; of {len(ours | theirs)} pictures, {near} within {_GAP} of 255", took_s


def _both(options: "ProcessOptions", folder: Path) -> "tuple[ProcessOptions, ProcessOptions]":
    """For the CPU, and for the device, over the first frames."""
    few = replace(options, limit=FRAMES, held=False, overwrite=False)
    plain = replace(few, device="cpu", provider="onnxruntime", precision="fp32", allow_cpu_nodes=False)
    return replace(plain, output=folder / "cpu"), replace(few, output=folder / "device")


def _agreement(reference: Path, device: Path, provider: str, precision: str) -> str:
    expected, found = (dict(enumerate(_layers(folder))) for folder in (reference, device))
    try:
        return agreement(
            lambda inputs: {"rgba": expected[_number(inputs)]},
            lambda inputs: {"rgba": found[_number(inputs)]},
            [{"number": np.array([number])} for number in expected],
            name=provider,
            stage="matte",
            precision=precision,
        )
    except (EngineError, KeyError) as error:
        raise StepError(f"layers: {error}; no speed is told", ()) from error


def _near(one: Path, other: Path) -> bool:
    first, second = _picture(one).astype(int), _picture(other)
    return first.shape == second.shape and bool(np.abs(first - second).max() <= _GAP)


def _picture(path: Path) -> NDArray[Any]:
    """As the file has it. Raises StepError: it can't be read."""
    import cv2

    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise StepError(f"{path.name}: is no picture that can be read; no speed is told", ())
    return picture


def _number(inputs: Mapping[str, NDArray[Any]]) -> int:
    return int(inputs["number"][0])


def _layers(folder: Path) -> list[NDArray[np.uint8]]:
    """uint8 [1,H,W,4] each, channels as OpenCV has them, in the clip's order."""
    from benchmarks.contenders import layers_in

    return [np.asarray(_picture(file), np.uint8)[None] for file in layers_in(folder)]
