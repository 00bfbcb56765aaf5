"""What the goldens hold, computed by our networks: a frame with given objects, then two without."""

import re
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.parity.clips import Clip
from trt_anime.export.networks.aot.gated import KEY_CHANNELS
from trt_anime.export.networks.aot.maps import map_of, sine_position
from trt_anime.export.networks.aot.network import CHANNELS, ObjectTracker

Named = dict[str, Tensor]
KEY = re.compile(r"(?P<name>\w+?)(_ch?(?P<step>\d+))?(_64)?")


def planes(mask: NDArray[np.uint8], dtype: torch.dtype) -> Tensor:
    """H x W labels into 1 x 11 x H x W, 1 where the object is."""
    labels = torch.from_numpy(mask.astype(np.int64))
    return torch.nn.functional.one_hot(labels, 11).permute(2, 0, 1)[None].to(dtype)


def named_values(net: ObjectTracker, clip: Clip) -> Named:
    """Everything under its golden's name, all channels of it. Two slots of the memory hold noise, and are
    said not to be valid."""
    dtype = next(net.parameters()).dtype
    image = torch.from_numpy(clip.image).to(dtype)
    masks = [planes(mask, dtype) for mask in clip.masks]
    with torch.inference_mode():
        first = net.encode(image[:1])
        height, width = first.embedding.shape[-2:]
        size = (height, width)
        values: Named = {f"enc{index}": taps for index, taps in enumerate(first[:3])}
        values["enc3_projected"] = first.embedding
        values["pos_emb"] = map_of(sine_position(size, CHANNELS, image), size)
        identity = net.identity(masks[0])
        values["id_emb"] = map_of(identity, size)
        found = net.refer(first.embedding, identity)
        assert found.memory is not None
        values |= _layers("ref", found.layers) | _memory("ref_long_mem", found.memory, None)
        values["ref_logits_4x"] = net.decode(found.decoder_input, first)
        noise = torch.rand(2, *found.memory.shape, dtype=dtype)
        long = torch.cat((noise[:1], found.memory[None], noise[1:]))
        valid = torch.tensor([0, 1, 0], dtype=dtype)
        second = net.encode(image[1:2])
        propagated = net.propagate(second.embedding, long, valid, found.memory)
        values |= _layers("f1", propagated.layers)
        values["f1_logits_4x"] = net.decode(propagated.decoder_input, second)
        short = net.remember(propagated.pending, net.identity(masks[1]))
        values |= _memory("f1_short_mem", short, size)
        third = net.encode(image[2:])
        last = net.propagate(third.embedding, long, valid, short)
        values["f2_logits_4x"] = net.decode(last.decoder_input, third)
    return values


def errors(values: Named, clip: Clip, *, double: bool = False) -> dict[str, float]:
    """The largest difference of each golden array, or of those alone that come from a float64 run."""
    keys = [key for key in clip.arrays if not double or key.endswith("_64")]
    return {key: _error(values, key, clip.arrays[key]) for key in keys}


def _error(values: Named, key: str, expected: NDArray[Any]) -> float:
    parts = KEY.fullmatch(key)
    assert parts is not None
    actual = values[parts["name"]].numpy()
    step = int(parts["step"] or 1)
    actual = (
        actual[..., ::step] if actual.ndim == 3 else actual[:, ::step]
    )  # token x batch x channel, or NCHW
    if "logits" in key:
        actual = actual[:, : expected.shape[1]]  # those of objects that are there
    assert actual.shape == expected.shape, key
    return float(np.abs(actual.astype(np.float64) - expected).max())


def _layers(stem: str, layers: list[Tensor]) -> Named:
    return {f"{stem}_lstt_emb{index}": tokens[:, None] for index, tokens in enumerate(layers)}


def _memory(stem: str, memory: Tensor, size: tuple[int, int] | None) -> Named:
    gated = memory.shape[-1] != 2 * CHANNELS
    entries = {0: KEY_CHANNELS, 1: 512, 3: 512} if gated else {0: CHANNELS, 1: CHANNELS}
    named: Named = {}
    for index, layer in enumerate(memory):
        for number, part in zip(entries, layer.split(tuple(entries.values()), dim=-1), strict=True):
            named[f"{stem}_l{index}_{number}"] = part[:, None] if size is None else map_of(part, size)
    return named
