"""Matrix products give torch's own Fourier transform, at even and at odd sizes."""

import pytest
import torch

from trt_anime.export.networks.fourier import irfft2, rfft2

SIZES = [(1, 1), (1, 2), (2, 1), (8, 8), (9, 13), (16, 9), (24, 40), (64, 33), (96, 54)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_forward(size: tuple[int, int]) -> None:
    planes = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = torch.fft.rfft2(planes, norm="ortho")
    real, imaginary = rfft2(planes)
    assert real.shape == imaginary.shape == expected.shape
    torch.testing.assert_close(torch.complex(real, imaginary), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_inverse_of_a_spectrum_that_no_picture_has(size: tuple[int, int]) -> None:
    """Its first and last column are not symmetric: only one order of the two axes is right."""
    real, imaginary = torch.randn(2, 2, 3, size[0], size[1] // 2 + 1, dtype=torch.float64)
    expected = torch.fft.irfft2(torch.complex(real, imaginary), s=size, norm="ortho")
    torch.testing.assert_close(irfft2(real, imaginary, size[1]), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_there_and_back(size: tuple[int, int]) -> None:
    planes = torch.randn(2, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(irfft2(*rfft2(planes), size[1]), planes, rtol=0, atol=1e-13)


def test_single_precision_is_single_precision() -> None:
    planes = torch.rand(1, 1, 512, 512)
    exact = torch.fft.rfft2(planes.double(), norm="ortho")  # the largest value, the mean, is 256
    ours = torch.complex(*(part.double() for part in rfft2(planes)))
    assert (ours - exact).abs().max() < 256 * 1e-6
