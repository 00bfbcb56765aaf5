"""Ids as memory networks count them: from 1 without a gap, in the order in which they came."""

import cv2
import numpy as np

from trt_anime.runtime.characters.found import Ids
from trt_anime.runtime.characters.planes import pixels_of


class Numbering:
    """Of one shot."""

    def __init__(self) -> None:
        self._ids: list[int] = []

    def __len__(self) -> int:
        return len(self._ids)

    def numbered(self, ids: Ids) -> Ids:
        """A network's numbers for ids, uint8 [H,W]; ids that are new get the next ones."""
        present = (np.flatnonzero(pixels_of(ids)[1:]) + 1).tolist()
        self._ids += [number for number in present if number not in self._ids]
        table = np.zeros(256, np.uint8)
        for place, number in enumerate(self._ids, 1):
            table[number] = place
        return np.asarray(cv2.LUT(ids, table), np.uint8)

    def ids_of(self, numbers: Ids) -> Ids:
        """Ids for a network's numbers, uint8 [H,W]."""
        table = np.zeros(256, np.uint8)
        table[1 : 1 + len(self._ids)] = self._ids
        return np.asarray(cv2.LUT(numbers, table), np.uint8)
