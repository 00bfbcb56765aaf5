"""Where a frame lies on a reference when nothing is known: every shift is tried, hidden places left out.

Masked normalised cross-correlation by FFT (Padfield, IEEE TIP 2012).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from trt_anime.runtime.plates.reference import Level
from trt_anime.runtime.plates.seen import Matrix

_LEAST_OVERLAP = 0.2
_PEAKS = 3
_APART = 3


def shifts(reference: Level, frame: Level, number: int) -> list[Matrix]:
    """The likeliest shifts from pixels of the reference to pixels of the frame, best first.

    Args:
        number: of the level that both are of. Each shift is right to about a pixel of that level.
    """
    score = _correlation(reference, frame)
    found = []
    for _ in range(_PEAKS):
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        if score[row, column] <= 0:
            break
        down, across = (_signed(int(at), side) for at, side in zip((row, column), score.shape, strict=True))
        found.append(
            np.array([[1, 0, across * 2**number], [0, 1, down * 2**number], [0, 0, 1]], np.float64)
        )
        rows = np.arange(row - _APART, row + _APART + 1) % score.shape[0]
        columns = np.arange(column - _APART, column + _APART + 1) % score.shape[1]
        score[np.ix_(rows, columns)] = 0
    return found


def _correlation(reference: Level, frame: Level) -> NDArray[np.float64]:
    """[P,Q]: how alike they are at each shift, -1..1; 0 where they overlap too little."""
    shape = [fft.next_fast_len(2 * side, real=True) for side in frame.grey.shape]

    def spectrum(picture: NDArray[np.float64]) -> NDArray[np.complex128]:
        return np.asarray(fft.rfft2(picture, shape), np.complex128)

    def back(product: NDArray[np.complex128]) -> NDArray[np.float64]:
        return np.asarray(fft.irfft2(product, shape), np.float64)

    one, one_seen = _masked(reference)
    two, two_seen = _masked(frame)
    a, b = np.conj(spectrum(one_seen)), spectrum(two_seen)
    x, y = np.conj(spectrum(one)), spectrum(two)
    overlap = np.maximum(np.rint(back(a * b)), 1)
    sum_x, sum_y = back(x * b), back(a * y)
    above = back(x * y) - sum_x * sum_y / overlap
    spread_x = back(np.conj(spectrum(one * one)) * b) - sum_x**2 / overlap
    spread_y = back(a * spectrum(two * two)) - sum_y**2 / overlap
    below = np.sqrt(np.maximum(spread_x, 1) * np.maximum(spread_y, 1))
    enough = overlap >= _LEAST_OVERLAP * min(one_seen.sum(), two_seen.sum())
    return np.where(enough, above / below, 0.0)


def _masked(level: Level) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    seen = (level.seen > 0).astype(np.float64)
    middle = float(level.grey[level.seen > 0].mean()) if seen.any() else 0.0
    return (level.grey.astype(np.float64) - middle) * seen, seen


def _signed(at: int, side: int) -> int:
    return at - side if at > side // 2 else at
