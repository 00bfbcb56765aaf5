"""The door through PyTorch gives the same network as ONNX, with the batch free."""

import warnings

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from tests.matte.pieces import RULES, Network, first_output, network_for, row, session_of
from trt_anime.errors import ExportError
from trt_anime.export.matte.pytorch import MatteNetwork, onnx_from_network
from trt_anime.export.parts import OPSET
from trt_anime.export.recipes.matte import Preprocess


class Many(nn.Module):
    """The tiny network with outputs around its map, arranged as `architecture` does."""

    def __init__(self, network: Network, architecture: str) -> None:
        super().__init__()
        self.network, self.architecture = network, architecture

    def forward(self, image: Tensor) -> tuple[object, ...]:
        matte, other = self.network(image), image.mean(1, keepdim=True)
        return {
            "u2net": (matte, other, other),
            "isnet": ([matte, other], [other]),
            "modnet": (other, other, matte),
        }[self.architecture]


def wrapped(rule: Preprocess, architecture: str) -> MatteNetwork:
    return MatteNetwork(Many(network_for(rule), architecture), architecture).eval()


@pytest.mark.parametrize("architecture", ["u2net", "isnet", "modnet"])
def test_main_map_is_taken(architecture: str) -> None:
    rule, image = RULES["short side"], torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(wrapped(rule, architecture)(image), network_for(rule)(image))


@pytest.mark.parametrize(
    ("rule", "architecture", "sizes"),
    [
        ("stretch", "u2net", [(64, 64)]),
        ("short side", "modnet", [(64, 64), (64, 112), (160, 48)]),
    ],
)
def test_onnx_equals_torch(
    rule: str, architecture: str, sizes: list[tuple[int, int]], capfd: pytest.CaptureFixture[str]
) -> None:
    network = wrapped(RULES[rule], architecture)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = onnx_from_network(network, row(RULES[rule]))
    assert capfd.readouterr() == ("", "")
    onnx.checker.check_model(model, full_check=True)
    assert [item.version for item in model.opset_import if item.domain == ""] == [OPSET]
    session = session_of(model)
    for batch in (1, 3):
        for size in sizes:
            image = torch.randn(batch, 3, *size)
            found = first_output(session, image=image.numpy())
            np.testing.assert_allclose(found, network(image).numpy(), atol=1e-5)


class Unexportable(Network):
    def forward(self, image: Tensor) -> Tensor:
        if float(image.sum()) > 0:  # depends on the data
            return super().forward(image)
        return super().forward(-image)


def test_a_network_that_has_no_graph() -> None:
    network = MatteNetwork(Many(Unexportable("none"), "u2net"), "u2net").eval()
    with pytest.raises(
        ExportError, match=r"^u2netp: torch\.onnx\.export gave up \(.*\); report it"
    ) as raised:
        onnx_from_network(network, row(RULES["stretch"]))
    assert "\n" not in str(raised.value)
