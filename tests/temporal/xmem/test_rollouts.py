"""The graphs and the bookkeeping together give what the official inference loop gives, frame by frame."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.parity.xmem_clips import Clip, clip, settings
from tests.temporal.xmem.playing import Player, Shown, playing
from trt_anime.export.temporal.xmem.compose import xmem_graphs
from trt_anime.export.temporal.xmem.networks import Networks
from trt_anime.export.temporal.xmem.sizes import MemoryProfile
from trt_anime.runtime.temporal.xmem.options import MemoryOptions

# Largest rounding errors that were measured in the official code: probabilities, sensory memory.
NOISE, NOISE_OF_SENSORY = 6e-5, 2e-4
NOISE_OF_CELLS = 1e-4  # keys, values, usage


def profile_of(rollout: Clip) -> MemoryProfile:
    config, _ = settings(rollout)
    return MemoryProfile(
        height=rollout.frames.shape[1],
        width=rollout.frames.shape[2],
        short_side=None,
        top_k=config["top_k"],
        work_frames=config["max_mid_term_frames"],
        # the official default is more than these clips fill
        long_cells=min(config["max_long_term_elements"], 300) if config["enable_long_term"] else 0,
        prototypes=config["num_prototypes"],
    )


def options_of(rollout: Clip) -> MemoryOptions:
    config, _ = settings(rollout)
    apart = config["deep_update_every"]
    return MemoryOptions(
        memorise_every=config["mem_every"],
        deep_update_every=None if apart < 0 else apart,
        keep_frames=config["min_mid_term_frames"],
    )


def shown(player: Player, rollout: Clip) -> tuple[list[Shown], list[tuple[int, int]]]:
    """All frames, and after each the number of cells in the working and the long-term memory."""
    _, given = settings(rollout)
    results, sizes = [], []
    for time, frame in enumerate(rollout.frames):
        labels = given.get(time, [])
        mask = np.where(np.isin(rollout.labels[time], labels), rollout.labels[time], 0) if labels else None
        last = time == len(rollout.frames) - 1
        results.append(player.show(frame, mask, labels, last=last))
        bank = player.tracker.bank
        sizes.append((len(bank.frames) * bank.layout.cells, bank.long_size))
    return results, sizes


def with_background(result: Shown, profile: MemoryProfile, objects: int) -> NDArray[np.float32]:
    """[1+objects,H,W] at frame size; objects not known yet are 0."""
    top, left, _, _ = profile.margins
    inner = result.probability[:, top : top + profile.height, left : left + profile.width]
    unknown = np.zeros((objects - len(inner), *inner.shape[1:]), np.float32)
    return np.concatenate([1 - inner.sum(0, keepdims=True), inner, unknown])


@pytest.mark.parametrize("name", ["A", "B", "C", "D"])
def test_rollout(name: str, official_networks: Networks, tmp_path: Path) -> None:
    rollout = clip(f"rollout_{name}")
    profile, expected = profile_of(rollout), rollout.arrays
    graphs = xmem_graphs(official_networks, profile, checkpoint_sha256="0" * 64, licence="")
    with playing(graphs, tmp_path, objects=2, options=options_of(rollout)) as player:
        results, sizes = shown(player, rollout)
        final = final_state(player)
    assert sizes == list(zip(expected["work_sizes"], expected["long_sizes"], strict=True))
    objects = expected["prob_s4"].shape[1] - 1
    probabilities = [with_background(result, profile, objects) for result in results]
    for time, (result, found) in enumerate(zip(results, probabilities, strict=True)):
        assert np.abs(found[:, ::4, ::4] - expected["prob_s4"][time]).max() <= 10 * NOISE, time
        flipped = result.labels != expected["argmax"][time]
        second, first = np.sort(found, axis=0)[-2:]
        assert (first - second)[flipped].max(initial=0) <= 2 * NOISE, time
        assert flipped.sum() <= 1, time
    check_final(final, expected)


def final_state(player: Player) -> dict[str, NDArray[Any]]:
    """The memory at the end under the goldens' names, cells in the official order."""
    player.tracker.wait()
    bank = player.tracker.bank
    layout = bank.layout
    long = slice(layout.work_cells, layout.work_cells + bank.long_size)
    work = np.concatenate([np.arange(layout.capacity)[bank._rows(slot)] for slot in bank.frames])
    key, shrinkage = player.memory("memory_key"), player.memory("memory_shrinkage")
    values = player.memory("memory_value")
    state = {
        "work_key": key[work].T[None],
        "hidden": player.memory("sensory")[None],
        "work_usage": bank.usage()[work][None, None],
        "long_key": key[long].T[None],
        "long_shrinkage": shrinkage[long][None, None],
        "long_usage": bank.usage()[long][None, None],
    }
    for number, group in enumerate(bank.groups):
        held = values[group.first : group.first + group.count, layout.work_cells :][:, group.long]
        state[f"long_value_g{number}"] = held.transpose(0, 2, 1)
    return state


def check_final(state: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]]) -> None:
    wanted = {key.removeprefix("final_"): a for key, a in expected.items() if key.startswith("final_")}
    errors = {}
    for key, array in wanted.items():
        name, step = key.removesuffix("_s4"), 4 if key.endswith("_s4") else 1
        found = state[name][:, ::step]
        found = found[..., ::3] if name == "work_key" else found
        assert found.shape == array.shape, (name, found.shape, array.shape)
        errors[name] = float(np.abs(found - array).max())
    assert errors.keys() >= {"work_key", "hidden"}
    noise = {"hidden": NOISE_OF_SENSORY}
    assert all(e <= 10 * noise.get(name, NOISE_OF_CELLS) for name, e in errors.items()), errors
