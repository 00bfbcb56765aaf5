"""Do both ways compute the same? Looked at before any speed is told."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.chain.stages import NUMBERS, UNDECIDED, Arrays, ChainStage, Given, values_of
from trt_anime.errors import EngineError
from trt_anime.export.check import Difference, apart, difference_of
from trt_anime.export.mask.check import map_difference
from trt_anime.export.matte.check import difference as layer_difference

Run = Callable[[ChainStage, Given], Arrays]

# Of a clip with colour for every pixel and in BT.601 both make the same pixels, up to rounding.
_DECODED_LEVELS = 0.5


def compared(
    rows: Sequence[ChainStage],
    frames: Sequence[NDArray[np.uint8]],
    prompts: NDArray[np.float32],
    ours: Run,
    theirs: Run,
) -> dict[str, Difference]:
    """How far each stage's results are apart, by its title, worst of the frames.

    Both get the same inputs: what stages before gave is PyTorch's.

    Args:
        frames: uint8 [H,W,3] RGB.

    Raises:
        EngineError: a stage differs by more than its tolerance; the message has all that do.
    """
    found: dict[str, Difference] = {}
    for number, frame in enumerate(frames):
        values = values_of(frame, number, prompts)
        for row in rows:
            if not row.runs_for(values):
                continue
            inputs = row.inputs(values)
            expected = theirs(row, inputs)
            found[row.title] = _worse(found.get(row.title), _difference(row, ours(row, inputs), expected))
            values |= expected
    require(found)
    return found


def require(found: Mapping[str, Difference]) -> None:
    """Raises EngineError: a stage's results differ by more than is allowed."""
    wrong = [
        f"stage {title} differs by {difference}, but {difference.tolerance} is allowed"
        for title, difference in found.items()
        if not difference.passed
    ]
    if wrong:
        raise EngineError(
            f"{'; '.join(wrong)}: speeds of different work can't be compared; run `trt-anime export` again"
        )


def decoders_agree(
    ours: Sequence[NDArray[np.uint8]], theirs: Sequence[NDArray[np.uint8]], clip: Path
) -> str:
    """In words, how far two decoders' frames are apart. Raises EngineError: too far, or not as many."""
    if len(ours) != len(theirs):
        raise EngineError(f"{clip}: {len(ours)} frames are read by us, {len(theirs)} by OpenCV")
    gaps = [
        float(np.abs(one.astype(np.int16) - other).mean()) for one, other in zip(ours, theirs, strict=True)
    ]
    if max(gaps) > _DECODED_LEVELS:
        raise EngineError(f"{clip}: frames as OpenCV reads them differ by {max(gaps):.1f} of 255 from ours")
    return f"frames of the two decoders differ by {max(gaps):.2g} of 255 on average"


def _difference(row: ChainStage, found: Arrays, expected: Arrays) -> Difference:
    one, other = found[row.output], expected[row.output]
    if row.output == "tokens" and UNDECIDED in other:
        one, other = one[: len(other) - 1], other[:-1]
        if not other.size:
            raise EngineError(f"stage {row.title}: not even the first token is decided, nothing to compare")
    if one.shape != other.shape:
        raise EngineError(f"stage {row.title} gives {one.shape} here and {other.shape} in PyTorch")
    if row.output == "rgba":
        return layer_difference(one, other)
    if row.graphs == ("image",):
        return map_difference(one, other)
    if row.output in NUMBERS:
        return apart(one, other, row.tolerance)
    return difference_of(one, other, row.tolerance)


def _worse(one: Difference | None, other: Difference) -> Difference:
    if one is None:
        return other
    return max(one, other, key=lambda each: (not each.passed, each.p99, each.maximum, each.mean))
