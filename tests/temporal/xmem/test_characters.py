"""Characters followed by XMem's graphs: ids of any kind, new ones on the way, another shot."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.temporal.xmem.playing import playing
from tests.temporal.xmem.test_tracker import OPTIONS, PROFILE, drawn, frames
from trt_anime.errors import InputError
from trt_anime.export.temporal.xmem.compose import xmem_graphs
from trt_anime.export.temporal.xmem.networks import Networks
from trt_anime.runtime.characters.propagators.crowded import CrowdedPropagator
from trt_anime.runtime.characters.propagators.xmem import XmemPropagator
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession


@pytest.fixture(scope="module")
def files(small_networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    graphs = xmem_graphs(small_networks, PROFILE, checkpoint_sha256="0" * 64, licence="MIT")
    folder = tmp_path_factory.mktemp("xmem")
    paths = {stage: folder / f"{stage}.onnx" for stage in graphs}
    for stage, graph in graphs.items():
        onnx.save(graph, paths[stage])
    return paths


@pytest.fixture
def propagator(files: dict[str, Path]) -> Iterator[XmemPropagator]:
    with HostDevice() as device, ExitStack() as stack:
        sessions = {
            stage: stack.enter_context(OrtCpuSession(path, device, threads=1, name=stage))
            for stage, path in files.items()
        }
        yield stack.enter_context(XmemPropagator(sessions, device, objects=3, options=OPTIONS))


def test_it_says_what_the_tracker_says_with_the_ids_that_it_was_given(
    propagator: XmemPropagator, files: dict[str, Path], tmp_path: Path
) -> None:
    pictures = frames(12)
    table = np.array([0, 9, 4], np.uint8)
    graphs = {stage: onnx.load(path) for stage, path in files.items()}
    with playing(graphs, tmp_path, objects=3, options=OPTIONS) as player:
        shown = [player.show(pictures[0], drawn(1), [1])]
        shown += [player.show(picture) for picture in pictures[1:5]]
        player.show(pictures[4], drawn(1, 2), [1, 2])
        shown += [player.show(picture) for picture in pictures[5:]]
    for _ in range(2):  # a shot knows nothing of the one before
        propagator.start(pictures[0], table[drawn(1)])
        for time in range(1, 12):
            found = propagator.step(pictures[time], None)
            assert np.array_equal(found.ids, table[shown[time].labels])
            assert 0.5 <= found.sure <= 1
            if time == 4:
                propagator.add(pictures[4], table[drawn(1, 2)])


def test_it_takes_frames_of_its_graphs_size_only_and_as_many_as_there_is_room_for(
    propagator: XmemPropagator,
) -> None:
    assert propagator.most == 3
    with pytest.raises(InputError, match="for frames of 48x32, but these are 64x32; export"):
        propagator.start(np.zeros((32, 64, 3), np.uint8), np.ones((32, 64), np.uint8))
    with pytest.raises(InputError, match="4 objects"):
        propagator.start(frames(1)[0], drawn(1, 2, 3, 4))


def test_in_a_crowd_its_room_goes_to_those_who_are_seen(propagator: XmemPropagator) -> None:
    """Never more than three at once of its tracker; everybody who is given comes back under his id."""
    crowd = CrowdedPropagator(propagator)
    pictures = frames(6)
    crowd.start(pictures[0], drawn(1, 2, 3, 4))
    found = crowd.step(pictures[1], None)
    assert 0 <= found.sure <= 1
    crowd.add(pictures[1], drawn(2, 3, 4))  # 1 has left, so that there is room for 4
    crowd.step(pictures[2], None)
    crowd.add(pictures[2], drawn(1, 2, 3, 4))
    ids = crowd.step(pictures[3], None).ids
    assert {*np.unique(ids).tolist()} <= {0, 1, 2, 3, 4}
    assert (ids[drawn(1) > 0] > 0).any()
