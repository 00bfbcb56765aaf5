"""Reading the rows that are in use gives the bits that reading the whole memory gives, as engines do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests.temporal.xmem.playing import Player, playing
from trt_anime.engines.specialise import specialised
from trt_anime.export.temporal.xmem.compose import xmem_graphs
from trt_anime.export.temporal.xmem.networks import Networks
from trt_anime.export.temporal.xmem.sizes import MemoryProfile
from trt_anime.runtime.temporal.xmem.options import MemoryOptions

# A frame has 30 cells, as many as answer: with fewer rows sums are shorter, and may round otherwise.
PROFILE = MemoryProfile(height=80, width=96, work_frames=5, long_cells=70, prototypes=25)
OPTIONS = MemoryOptions(memorise_every=2, keep_frames=2)
FRAMES, LATE = 24, 5  # three consolidations, of which the last drops cells; the second object's first frame


@dataclass
class Watched:
    """What one frame came to."""

    rows: list[int]
    arrays: dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def graphs(small_networks: Networks) -> Mapping[str, onnx.ModelProto]:
    return xmem_graphs(small_networks, PROFILE, checkpoint_sha256="0" * 64, licence="MIT")


def watched(player: Player, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """Each frame of a clip, in which a second object appears."""
    read, rows = player.tracker._sessions["read"], []
    enqueue = read.enqueue

    def noted(tensors: Mapping[str, Any], **how: Any) -> None:
        rows.append(tensors["valid"].shape[0])
        enqueue(tensors, **how)

    monkeypatch.setattr(read, "enqueue", noted)
    random = np.random.default_rng(4)
    for time in range(FRAMES):
        frame = random.integers(0, 256, (PROFILE.height, PROFILE.width, 3), dtype=np.uint8)
        numbers = {0: [1], LATE: [2]}.get(time, [])
        mask = np.zeros(frame.shape[:2], np.uint8)
        for number in numbers:
            mask[20:60, 40 * number - 30 : 40 * number] = number
        shown = player.show(frame, mask if numbers else None, numbers)
        player.tracker.wait()
        bank = player.tracker.bank
        found = {
            **vars(shown),
            "usage": bank.usage(),
            "valid": np.stack([bank.valid(group) for group in bank.groups]),
            **{name: player.memory(f"memory_{name}") for name in ("key", "shrinkage", "value")},
        }
        yield Watched(rows.copy(), found)
        rows.clear()


def test_rows_in_use_give_the_bits_that_all_rows_give(
    graphs: Mapping[str, onnx.ModelProto], tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = specialised(graphs["read"], height=PROFILE.height, width=PROFILE.width)
    read, sizes = [], []
    with (
        playing(graphs, tmp_path_factory.mktemp("some"), objects=2, options=OPTIONS) as some,
        playing(
            {**graphs, "read": whole}, tmp_path_factory.mktemp("all"), objects=2, options=OPTIONS
        ) as all_,
        pytest.MonkeyPatch.context() as patch,
    ):
        for ours, theirs in zip(watched(some, patch), watched(all_, patch), strict=True):
            assert {*theirs.rows} <= {PROFILE.capacity}
            for name, array in theirs.arrays.items():
                assert np.array_equal(ours.arrays[name], array), name
            read.append(ours.rows)
            sizes.append(some.tracker.bank.long_size)
    assert read[:6] == [[], [30], [30], [60], [60], [90]], "what is in use, and no more"
    assert read[LATE + 1] == [120, 120], "the late object's as well"
    assert sorted({*sizes}) == [0, 25, 50, 70], "it was condensed, and what was used least went"
    assert [rows for rows, *_ in read[1:]][-1] == PROFILE.capacity, "in the end all is in use"
