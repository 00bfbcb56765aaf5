"""Our XMem computes what the official one computes (tests/parity/README.md)."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.networks.official import double, network
from tests.parity.goldens import manifest
from tests.parity.xmem_clips import Clip, clip, error
from trt_anime.export.networks import create
from trt_anime.export.networks.xmem import sensory
from trt_anime.export.networks.xmem.memory import affinity, readout, similarity
from trt_anime.export.networks.xmem.network import Encoded, Shape, XMem, aggregated, full_size

# Largest float32 rounding error that was measured in the official code; of similarities in particular.
NOISE, NOISE_OF_SIMILARITY = 1e-4, 1e-3
DOUBLE_TOLERANCE = 1e-6  # the goldens are rounded to float32


def outputs(net: XMem, given: Clip) -> dict[str, NDArray[Any]]:
    """What the goldens hold: frames 0 to 2 are memorised, frame 3 asks."""
    kind = next(net.parameters()).dtype
    images = [torch.from_numpy(image)[None].to(kind) for image in given.images()]
    truth = torch.from_numpy(given.labels)
    masks = torch.stack([truth == label for label in range(1, int(truth.max()) + 1)], dim=1).to(kind)
    with torch.inference_mode():
        encoded = [net.encode_key(image) for image in images]
        named = _values(net, encoded, images, masks[:, :, None])
        values = named.pop("values")
        named |= _answers(net, encoded, values, named["hidden_after_second_deep"][0])
    return {name: tensor.numpy() for name, tensor in named.items()}


def _values(net: XMem, encoded: list[Encoded], images: list[Tensor], masks: Tensor) -> dict[str, Tensor]:
    none = masks.new_zeros((masks.shape[1], net.shape.sensory, *encoded[0].key.shape[2:]))
    first, once = net.encode_value(images[0], encoded[0].f16, none, masks[0])
    again, twice = net.encode_value(images[0], encoded[0].f16, once, masks[0])
    assert torch.equal(first, again)  # the sensory memory doesn't enter the value
    others = [net.encode_value(images[i], encoded[i].f16, once, masks[i])[0] for i in (1, 2)]
    values = torch.cat([value.flatten(2) for value in (first, *others)], dim=-1)
    deep = {"hidden_after_first_deep": once[None], "hidden_after_second_deep": twice[None]}
    return {"value0": first[None], "values": values, **deep}


def _answers(net: XMem, encoded: list[Encoded], values: Tensor, hidden: Tensor) -> dict[str, Tensor]:
    *memorised, asking = encoded
    height, width = asking.key.shape[2:]
    key, selection = asking.key[0].flatten(1), asking.selection[0].flatten(1)
    keys = torch.cat([frame.key[0].flatten(1) for frame in memorised], dim=-1)
    shrinkage = torch.cat([frame.shrinkage[0].flatten(1) for frame in memorised], dim=-1)
    near = similarity(keys, key, shrinkage=shrinkage, selection=selection)
    affine = affinity(near, top_k=30)
    read = readout(affine, values).reshape(*values.shape[:2], height, width)
    logits, normal = net.decode(asking.f16, asking.f8, asking.f4, read, hidden)
    raw = full_size(logits)[:, 0]
    return {
        **asking._asdict(),
        "similarity": near[None],
        "similarity_no_selection": similarity(keys, key, shrinkage=shrinkage, selection=None)[None],
        "similarity_plain": similarity(keys, key, shrinkage=None, selection=None)[None],
        "affinity_top30": affine[None],
        "usage_top30": affine.sum(1)[None],
        "readout": read[None],
        "decoder_raw_logits": raw[None],
        "segment_prob": aggregated(raw.sigmoid()).softmax(0)[None],
        "hidden_after_segment": normal[None],
    }


def official() -> XMem:
    net = network("xmem")
    assert isinstance(net, XMem)
    return net


def errors(net: XMem, number: int) -> dict[str, float]:
    given = clip(f"golden_{number:02d}")
    found = outputs(net, given)
    return {key: error(found, key, array) for key, array in given.arrays.items()}


def test_state_has_the_official_names_order_shapes_and_dtypes() -> None:
    made = create("xmem")
    actual = [
        (name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in made.state_dict().items()
    ]
    assert actual == [(entry.name, entry.shape, entry.dtype) for entry in manifest("xmem").entries]
    assert sum(parameter.numel() for parameter in made.parameters()) == manifest("xmem").parameters


@pytest.mark.parametrize("number", [1, 2])
def test_float32_outputs_are_within_ten_times_the_noise(number: int) -> None:
    found = errors(official(), number)
    assert len(found) == 18
    for key, largest in found.items():
        assert largest <= 10 * (NOISE_OF_SIMILARITY if "similarity" in key else NOISE), (key, found)


def test_float64_logits_are_the_official_ones() -> None:
    net = double("xmem")
    assert isinstance(net, XMem)
    assert errors(net, 2)["decoder_raw_logits64"] <= DOUBLE_TOLERANCE


def test_the_goldens_see_a_textbook_gru(monkeypatch: pytest.MonkeyPatch) -> None:
    def textbook(gates: Tensor, before: Tensor) -> Tensor:
        forget, update, new = gates.chunk(3, dim=1)
        update = update.sigmoid()
        return before * (1 - update) + update * torch.tanh(new + forget.sigmoid() * before)

    monkeypatch.setattr(sensory, "updated", textbook)
    assert errors(official(), 2)["hidden_after_second_deep"] > 100 * NOISE


def test_aggregation_is_a_distribution_and_knows_the_background() -> None:
    masks = torch.tensor([[0.0, 1.0, 0.5, 1.0], [0.0, 0.0, 0.5, 1.0]])
    shares = aggregated(masks).softmax(0)
    assert torch.allclose(shares.sum(0), torch.ones(4))
    assert shares.argmax(0)[:2].tolist() == [0, 1]
    # odds of 1/4 for the background, of 1/2 for either object
    assert torch.allclose(shares[:, 2], torch.tensor([1 / 7, 3 / 7, 3 / 7]))
    assert torch.isfinite(shares).all()


def test_objects_don_t_touch_each_other_but_through_the_others_mask() -> None:
    torch.manual_seed(0)
    net = XMem(Shape(stem=8, key=16, value=32, sensory=8)).double().eval()
    image = torch.rand(1, 3, 32, 48, dtype=torch.float64)
    masks, hidden = torch.rand(3, 1, 32, 48).double(), torch.rand(3, 8, 2, 3).double()
    with torch.inference_mode():
        encoded = net.encode_key(image)
        together = net.encode_value(image, encoded.f16, hidden, masks)
        read = torch.rand(3, 32, 2, 3).double()
        decoded = net.decode(encoded.f16, encoded.f8, encoded.f4, read, hidden)
        turned = [net.encode_value(image, encoded.f16, hidden.flip(0), masks.flip(0))]
        turned.append(net.decode(encoded.f16, encoded.f8, encoded.f4, read.flip(0), hidden.flip(0)))
        alone = net.decode(encoded.f16, encoded.f8, encoded.f4, read[1:2], hidden[1:2])
    for before, after in zip((*together, *decoded), (*turned[0], *turned[1]), strict=True):
        assert np.allclose(before, after.flip(0), atol=1e-12)
    assert np.allclose(alone[0], decoded[0][1:2], atol=1e-12)
