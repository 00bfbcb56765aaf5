"""Frames that look alike: 64 bits of a picture, how far two are apart, and groups over a whole film."""

import cv2
import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.media.frames import Pixels

Hashes = NDArray[np.uint64]

SIMILAR = 6
"""Bits of difference up to which two frames count as near-duplicates."""

_SIDE = 32
_LUMA = 0.06  # 0..1: the same drawing by day and by night is not one picture
_FAINT = 4.0  # of a coefficient: what rounding leaves in a flat picture


def perceptual_hash(luma: Pixels) -> int:
    """64 bits: which of the lowest 8 x 8 frequencies of the picture are above their median.

    `luma`: uint8 [H,W]. After Zauner 2010, "Implementation and benchmarking of perceptual image hash
    functions". Scaling, recompression and changes of contrast leave it nearly alone. A flat picture has 0.
    """
    small = cv2.resize(luma, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:8, :8].ravel()
    low[0] = 0  # the mean says nothing of what is drawn
    bits = low > max(float(np.median(low)), 0) + _FAINT
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def distance(one: int, other: int) -> int:
    """In how many of the 64 bits two hashes differ."""
    return (one ^ other).bit_count()


class Groups:
    """Near-duplicates over a film, told frame by frame; the memory is 16 bytes for each group.

    A frame joins the group whose first frame is nearest, if that is near enough: groups never drift, as
    chains of neighbours would. Time grows with frames times groups (20 million pairs take about 0.1 s).
    """

    def __init__(self) -> None:
        self._hashes: Hashes = np.empty(256, np.uint64)
        self._lumas = np.empty(256, np.float32)
        self._count = 0

    def group_of(self, hash: int, mean_luma: float) -> int:
        """The number of the frame's group, from 0 in the order of first frames.

        `mean_luma`: 0..1.
        """
        count, own = self._count, np.uint64(hash)
        if count:
            bits = np.bitwise_count(self._hashes[:count] ^ own).astype(np.int16)
            bits[np.abs(self._lumas[:count] - np.float32(mean_luma)) > _LUMA] = 65
            nearest = int(bits.argmin())
            if bits[nearest] <= SIMILAR:
                return nearest
        if count == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, self._hashes])
            self._lumas = np.concatenate([self._lumas, self._lumas])
        self._hashes[count], self._lumas[count] = own, mean_luma
        self._count += 1
        return count
