"""The baseline's XMem in a plain PyTorch loop remembers, reads and condenses as ours does."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from benchmarks.chain.torch_xmem import TorchPropagator, TorchXMem
from tests.temporal.xmem.playing import Player, playing
from tests.temporal.xmem.test_tracker import OPTIONS, PROFILE, drawn, frames
from trt_anime.errors import InputError
from trt_anime.export.networks.xmem.network import XMem
from trt_anime.export.temporal.xmem.compose import xmem_graphs
from trt_anime.export.temporal.xmem.networks import Networks

FRAMES = 18  # 3 consolidations of 8 cells, which a long-term memory of 30 holds
# After so many frames that feed on each other.
NOISE = 1e-4


@pytest.fixture(scope="module")
def graphs(small_networks: Networks) -> Mapping[str, onnx.ModelProto]:
    return xmem_graphs(small_networks, PROFILE, checkpoint_sha256="0" * 64, licence="MIT")


@pytest.fixture
def player(graphs: Mapping[str, onnx.ModelProto], tmp_path: Path) -> Iterator[Player]:
    with playing(graphs, tmp_path, objects=2, options=OPTIONS) as made:
        yield made


@pytest.fixture
def loop(small_network: XMem) -> Iterator[TorchXMem]:
    with torch.inference_mode():
        yield TorchXMem(small_network, PROFILE, OPTIONS)


def test_it_follows_as_the_tracker_does_when_frames_have_been_condensed(
    player: Player, loop: TorchXMem
) -> None:
    pictures, mask = frames(FRAMES), drawn(1, 2)
    long = []
    player.show(pictures[0], mask, [1, 2])
    loop.start(torch.from_numpy(pictures[:1]), torch.from_numpy(mask[None]), 2)
    for picture in pictures[1:]:
        shown = player.show(picture)
        labels, probability = loop.step(torch.from_numpy(picture[None]))
        shares = probability[:, 0].numpy()
        assert np.abs(shown.probability - shares).max() <= NOISE
        second, first = np.sort([1 - shares.sum(0), *shares], axis=0)[-2:]
        assert (first - second)[shown.labels != labels[0].numpy()].max(initial=0) <= 2 * NOISE
        long.append(player.tracker.bank.long_size)
    assert long[-1] == 3 * PROFILE.prototypes


def test_it_says_when_it_would_have_to_forget(loop: TorchXMem) -> None:
    picture, mask = torch.from_numpy(frames(1)), torch.from_numpy(drawn(1)[None])
    loop.start(picture, mask, 1)
    with pytest.raises(InputError, match="all 30 cells are full; take fewer frames"):
        for _ in range(60):
            loop.step(picture)


def test_another_clip_begins_with_nothing(loop: TorchXMem) -> None:
    propagator = TorchPropagator(loop, (32, 48), torch.device("cpu"))
    pictures = frames(4)
    found = []
    for _ in range(2):
        propagator.start(pictures[0], drawn(1, 2))
        found.append([propagator.step(picture, None) for picture in pictures[1:]])
    for first, again in zip(*found, strict=True):
        assert np.array_equal(first.ids, again.ids) and first.sure == again.sure
    with pytest.raises(InputError, match="masks with the first frame only"):
        propagator.add(pictures[0], drawn(1, 2))
