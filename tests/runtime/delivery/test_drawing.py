"""What previews are drawn of."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from trt_anime.runtime.delivery.drawing import write
from trt_anime.runtime.media.frames import Pixels


def written(text: str, size: int, weight: int) -> Pixels:
    picture = np.zeros((60, 300, 3), np.uint8)
    write(picture, text, (4, 44), size=size, weight=weight)
    return picture


def test_threads_that_write_at_once_write_as_one_would() -> None:
    """A font keeps what it was last asked for: a preview's bytes depended on which thread came first."""
    kinds = [("frame 12", 13, 400), ("3", 36, 600)] * 200
    alone = {kind: written(*kind) for kind in kinds[:2]}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda kind: written(*kind), kinds))
    assert all(np.array_equal(picture, alone[kind]) for picture, kind in zip(found, kinds, strict=True))
