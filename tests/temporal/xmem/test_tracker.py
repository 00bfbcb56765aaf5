"""The tracker over small networks: long clips, late objects, shots, and what it refuses."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests.temporal.xmem.playing import Player, Shown, playing
from trt_anime.errors import InputError, MissingError
from trt_anime.export.temporal.xmem.compose import xmem_graphs
from trt_anime.export.temporal.xmem.networks import Networks
from trt_anime.export.temporal.xmem.sizes import MemoryProfile
from trt_anime.runtime.devices.host import HostBuffer
from trt_anime.runtime.temporal.xmem.options import MemoryOptions

PROFILE = MemoryProfile(height=32, width=48, work_frames=4, long_cells=30, prototypes=8)
OPTIONS = MemoryOptions(memorise_every=2, keep_frames=2)


@pytest.fixture(scope="module")
def graphs(small_networks: Networks) -> Mapping[str, onnx.ModelProto]:
    return xmem_graphs(small_networks, PROFILE, checkpoint_sha256="0" * 64, licence="MIT")


@pytest.fixture
def player(graphs: Mapping[str, onnx.ModelProto], tmp_path: Path) -> Iterator[Player]:
    with playing(graphs, tmp_path, objects=3, options=OPTIONS) as made:
        yield made


def frames(count: int) -> NDArray[np.uint8]:
    """A bright square that wanders over noise."""
    pictures = np.random.default_rng(0).integers(0, 90, (count, 32, 48, 3), dtype=np.uint8)
    for time, picture in enumerate(pictures):
        left = 4 + time % 28
        picture[10:22, left : left + 12] += np.uint8(150)
    return pictures


def drawn(*numbers: int) -> NDArray[np.uint8]:
    """A mask with a column for each object."""
    mask = np.zeros((32, 48), np.uint8)
    for number in numbers:
        mask[8:24, 12 * (number - 1) + 2 : 12 * number] = number
    return mask


def test_a_long_clip_takes_no_more_memory_than_a_short_one(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, sizes = player.tracker.bank, set()
    for time, frame in enumerate(frames(300)):
        given = {0: [1], 7: [2, 3]}.get(time, [])
        shown = player.show(frame, drawn(*given) if given else None, given)
        sizes.add((len(bank.frames), bank.long_size))
        if time == 20:
            for name in ("allocate", "allocate_pinned"):
                monkeypatch.setattr(player.device, name, None)
        if time > 200:
            check_sound(shown)
    assert max(frames for frames, _ in sizes) < PROFILE.work_frames
    # it was full, and least used cells went: at most what leaves room for the prototypes, and these
    assert 22 < max(long for _, long in sizes) <= PROFILE.long_cells


def check_sound(shown: Shown) -> None:
    assert np.isfinite(shown.probability).all()
    assert shown.probability.min() >= 0
    assert shown.probability.sum(0).max() <= 1 + 1e-5
    assert shown.labels.max() <= 3


def clip(player: Player) -> list[Shown]:
    shown = [player.show(frames(30)[0], drawn(1), [1])]
    for time, frame in enumerate(frames(30)[1:], start=1):
        given = [2] if time == 9 else []
        shown.append(player.show(frame, drawn(2) if given else None, given))
    return shown


def test_closing_gives_all_memory_back(
    graphs: Mapping[str, onnx.ModelProto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    close = HostBuffer.close

    def noted(buffer: HostBuffer) -> None:
        closed.append(buffer.name)
        close(buffer)

    monkeypatch.setattr(HostBuffer, "close", noted)
    with playing(graphs, tmp_path, objects=3, options=OPTIONS) as player:
        clip(player)
        player.tracker.close()
        names = {name.removeprefix("xmem ") for name in closed}
        assert names >= {*player.tracker.tensors, "pinned usage", "pinned valid", "zeros", "pinned zeros"}
        player.tracker.close()
    assert len(closed) == len(set(closed))


def test_a_new_shot_knows_nothing_of_the_one_before(player: Player) -> None:
    first = clip(player)
    player.tracker.start()
    for before, after in zip(first, clip(player), strict=True):
        assert np.array_equal(before.probability, after.probability)
        assert np.array_equal(before.labels, after.labels)


def test_room_for_more_objects_changes_nothing(
    player: Player, graphs: Mapping[str, onnx.ModelProto], tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected = clip(player)
    with playing(graphs, tmp_path_factory.mktemp("roomy"), objects=7, options=OPTIONS) as roomy:
        for before, after in zip(expected, clip(roomy), strict=True):
            assert np.array_equal(before.probability, after.probability)


def test_the_objects_axis_may_have_any_name(
    player: Player, graphs: Mapping[str, onnx.ModelProto], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of an engine it is called ``batch``."""
    expected, renamed = clip(player), {}
    for stage, graph in graphs.items():
        renamed[stage] = onnx.ModelProto.FromString(graph.SerializeToString())
        for value in (*renamed[stage].graph.input, *renamed[stage].graph.output):
            first = value.type.tensor_type.shape.dim[0]
            if first.dim_param == "objects":
                first.dim_param = "batch"
    with playing(renamed, tmp_path_factory.mktemp("batch"), objects=3, options=OPTIONS) as other:
        assert np.array_equal(clip(other)[-1].probability, expected[-1].probability)


def test_a_mask_is_shown_as_it_is_given(player: Player) -> None:
    shown = player.show(frames(1)[0], drawn(1, 2), [1, 2])
    assert np.array_equal(shown.labels, drawn(1, 2))
    assert np.array_equal(shown.matte, np.stack([drawn(1) * 255, (drawn(2) == 2) * np.uint8(255)]))


@pytest.mark.parametrize(
    ("before", "numbers", "words"),
    [
        ([], [], "no object is known yet; give a mask with the first frame"),
        ([], [1, 2, 3, 4], "4 objects are to be followed, but there is memory for 3; raise that number"),
        ([], [2], r"objects \[2\] came after 0; number new ones on from 1"),
        ([1], [3], r"objects \[3\] came after 1; number new ones on from 2"),
        ([1], [0, 1], r"objects \[0, 1\] came after 1"),
    ],
)
def test_refused(before: list[int], numbers: list[int], words: str, player: Player) -> None:
    """Nothing is changed by it: the clip goes on."""
    frame = frames(1)[0]
    if before:
        player.show(frame, drawn(*before), before)
    with pytest.raises(InputError, match=words):
        player.show(frame, drawn(*numbers) if numbers else None, numbers)
    assert player.tracker.bank.objects == len(before)
    player.show(frame, drawn(1), [1])


@pytest.mark.parametrize("objects", [0, 256])
def test_no_room_or_too_much(objects: int, graphs: Mapping[str, onnx.ModelProto], tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=f"room for {objects} objects"),
        playing(graphs, tmp_path, objects=objects),
    ):
        pass


def test_numbers_without_a_mask(player: Player) -> None:
    with pytest.raises(InputError, match="come together"):
        player.show(frames(1)[0], None, [1])


def test_a_graph_is_missing(graphs: Mapping[str, onnx.ModelProto], tmp_path: Path) -> None:
    some = {stage: graph for stage, graph in graphs.items() if stage not in ("read", "merge")}
    with (
        pytest.raises(MissingError, match="no graph or engine for read, merge"),
        playing(some, tmp_path, objects=1),
    ):
        pass


def test_graphs_of_different_sizes(
    graphs: Mapping[str, onnx.ModelProto], small_networks: Networks, tmp_path: Path
) -> None:
    wide = MemoryProfile(height=32, width=80, work_frames=4, long_cells=30, prototypes=8)
    others = xmem_graphs(small_networks, wide, checkpoint_sha256="0" * 64, licence="MIT")
    mixed = {**graphs, "key": others["key"]}
    with pytest.raises(InputError, match="different frame sizes"), playing(mixed, tmp_path, objects=1):
        pass
