"""Every image size works, and images of a batch do not touch each other."""

import pytest
import torch
from torch import nn

from tests.networks.official import double, network, outputs
from trt_anime.export.networks.rsu import resize_like

MODELS = ("u2netp", "isnet", "modnet")  # u2net is u2netp with other widths


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (33, 47), (64, 96)], ids=str)
@pytest.mark.parametrize("model", MODELS)
def test_masks_have_the_size_of_the_image(model: str, size: tuple[int, int]) -> None:
    named = outputs(network(model), torch.rand(2, 3, *size))
    full = {name: a for name, a in named.items() if "feature" not in name and "semantic" not in name}
    assert len(full) >= 4
    for name, array in full.items():
        assert array.shape == (2, 1, *size), name


def test_feature_maps_and_semantic_map_have_rounded_up_sizes() -> None:
    features = outputs(network("isnet"), torch.rand(1, 3, 75, 101))
    sizes = [features[f"feature{number}"].shape[-2:] for number in range(1, 7)]
    assert sizes == [(38, 51), (19, 26), (10, 13), (5, 7), (3, 4), (2, 2)]
    assert outputs(network("modnet"), torch.rand(1, 3, 75, 101))["semantic"].shape == (1, 1, 5, 7)


@pytest.mark.parametrize("model", MODELS)
def test_a_batch_gives_the_results_of_its_images(model: str) -> None:
    net = double(model)
    images = torch.rand(2, 3, 40, 56, dtype=torch.float64)
    together = outputs(net, images)
    for name, array in outputs(net, images[1:]).items():
        assert abs(together[name][1:] - array).max() < 1e-9, name


@pytest.mark.parametrize(
    ("old", "new"),
    [((5, 7), (10, 14)), ((8, 8), (12, 4)), ((5, 7), (9, 13)), ((3, 6), (8, 96)), ((12, 9), (4, 3))],
    ids=str,
)
def test_resizing_by_a_factor_is_resizing_to_the_size(old: tuple[int, int], new: tuple[int, int]) -> None:
    x, like = torch.rand(1, 2, *old, dtype=torch.float64), torch.empty(1, 1, *new)
    expected = nn.functional.interpolate(x, size=new, mode="bilinear", align_corners=False)
    assert resize_like(x, like).shape == expected.shape
    assert torch.allclose(resize_like(x, like), expected, rtol=0, atol=1e-12)


def test_resizing_to_the_same_size_is_nothing() -> None:
    x = torch.rand(1, 2, 5, 7)
    assert resize_like(x, torch.empty(1, 9, 5, 7)) is x
