"""Our LaMa computes what the official one computes (tests/parity/README.md)."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tests.networks.official import double, network
from tests.parity.goldens import FOLDER, compare, manifest
from trt_anime.export.networks import create, lama
from trt_anime.export.networks.fourier import irfft2, rfft2
from trt_anime.export.networks.lama import FourierUnit, Lama, LamaShape

Arrays = dict[str, NDArray[np.float32]]

NOISE = 2e-5  # the largest float32 rounding error that was measured in the official code
DOUBLE_TOLERANCE = 1e-6  # the goldens are rounded to float32
SMALL = LamaShape(width=8, halvings=2, blocks=2)


def golden(number: int) -> Arrays:
    with np.load(FOLDER / "lama" / f"golden_{number:02d}.npz") as file:
        return dict(file)


def outputs(net: nn.Module, arrays: Arrays) -> Arrays:
    """The network's results on a golden's picture, under the golden's names."""
    assert isinstance(net, Lama)
    kind = next(net.parameters()).dtype
    image = torch.from_numpy(arrays["image_u8"].astype(np.float32) / np.float32(255)).to(kind)
    mask = torch.from_numpy(arrays["mask_u8"]).to(kind)
    masked = torch.cat((image * (1 - mask), mask), dim=1)
    with torch.inference_mode():
        predicted = net(masked)
        named = {
            "logit": net.logits(masked),
            "predicted": predicted,
            "inpainted": mask * predicted + (1 - mask) * image,
        }
    return {name: value.numpy() for name, value in named.items()}


def errors(net: nn.Module, number: int) -> dict[str, float]:
    arrays = golden(number)
    found = outputs(net, arrays)
    keys = [key for key in arrays if not key.endswith("_u8")]
    return {key: compare(found, key.replace("64", ""), arrays[key]).largest for key in keys}


def test_state_has_the_official_names_order_shapes_and_dtypes() -> None:
    made = create("lama")
    actual = [
        (name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in made.state_dict().items()
    ]
    assert actual == [(entry.name, entry.shape, entry.dtype) for entry in manifest("lama").entries]
    assert sum(parameter.numel() for parameter in made.parameters()) == manifest("lama").parameters


@pytest.mark.parametrize("number", [1, 2, 3])
def test_float32_outputs_are_within_ten_times_the_noise(number: int) -> None:
    found = errors(network("lama"), number)
    assert len(found) == 2
    assert max(found.values()) <= 10 * NOISE, found


def test_float64_logits_are_the_official_ones_at_an_odd_size() -> None:
    """72 x 104 pixels are 9 x 13 cells where the spectrum is taken."""
    assert errors(double("lama"), 3)["logit64"] <= DOUBLE_TOLERANCE


def zeros_around(x: Tensor, padding: int) -> Tensor:
    return functional.pad(x, (padding,) * 4)


def swapped(planes: Tensor) -> tuple[Tensor, Tensor]:
    real, imaginary = rfft2(planes)
    return imaginary, real


def conjugated(real: Tensor, imaginary: Tensor, width: int) -> Tensor:
    return irfft2(real, -imaginary, width)


def unscaled(planes: Tensor) -> tuple[Tensor, Tensor]:
    scale = (planes.shape[-1] * planes.shape[-2]) ** 0.5
    real, imaginary = rfft2(planes)
    return real * scale, imaginary * scale


MISTAKES: dict[str, tuple[str, Callable[..., object]]] = {
    "padding": ("_padded", zeros_around),
    "order of the parts": ("rfft2", swapped),
    "sign": ("irfft2", conjugated),
    "norm": ("rfft2", unscaled),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_goldens_see_a_mistake(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lama, *MISTAKES[mistake])
    assert min(errors(network("lama"), 3).values()) > 100 * NOISE


def test_the_goldens_see_one_unit_of_36() -> None:
    net = double("lama").float()
    unit = net.get_submodule("model.14.conv2.ffc.convg2g.fu")
    assert isinstance(unit, FourierUnit)
    nn.init.zeros_(unit.conv_layer.weight)
    assert errors(net, 3)["logit64"] > 100 * NOISE


def small() -> Lama:
    torch.manual_seed(0)
    return Lama(SMALL).eval().double()


@pytest.mark.parametrize("size", [(16, 16), (24, 40), (40, 56)], ids=str)
def test_pictures_have_the_size_of_their_input_and_do_not_touch_each_other(size: tuple[int, int]) -> None:
    masked = torch.rand(2, 4, *size, dtype=torch.float64)
    with torch.inference_mode():
        together, alone = small()(masked), small()(masked[1:])
    assert together.shape == (2, 3, *size)
    assert (together >= 0).all() and (together <= 1).all()
    torch.testing.assert_close(together[1:], alone, rtol=0, atol=1e-12)


def test_every_pixel_depends_on_every_other() -> None:
    """What the spectrum is for: a change in one corner reaches the opposite one."""
    masked = torch.rand(1, 4, 128, 128, dtype=torch.float64)
    changed = masked.clone()
    changed[:, :3, :8, :8] += 0.5
    with torch.inference_mode():
        difference = (small()(changed) - small()(masked)).abs()
    assert difference[..., -8:, -8:].max() > 1e-9
