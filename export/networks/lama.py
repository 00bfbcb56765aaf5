"""LaMa: large holes filled by convolutions that also see the picture's spectrum.

Source paper: Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", 2022.
The state names are those of the published generator (`big-lama`), counted through as `model.0`,
`model.1`... Maps travel in two parts: a local one, and a global one whose own path is a spectral transform.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trt_anime.export.networks.fourier import irfft2, rfft2

Pair = tuple[Tensor, Tensor | None]


@dataclass(frozen=True)
class LamaShape:
    """The size of the generator.

    width: channels of the first convolution; each of the `halvings` doubles them.
    blocks: residual blocks at the lowest resolution.
    global_share: share of the channels there that are in the global part.
    """

    width: int = 64
    halvings: int = 3
    blocks: int = 18
    global_share: float = 0.75


class FourierUnit(nn.Module):
    """A 1x1 convolution on the spectrum: every output value depends on the whole map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, kernel_size=1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W in and out."""
        # The weights expect the parts of a channel side by side: re, im, re, im...
        spectrum = torch.stack(rfft2(x), dim=2).flatten(1, 2)
        spectrum = torch.relu(self.bn(self.conv_layer(spectrum)))
        return irfft2(spectrum[:, 0::2], spectrum[:, 1::2], x.shape[-1])


class SpectralTransform(nn.Module):
    """The path from global to global."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.conv1 = nn.Sequential(
            nn.Conv2d(channels, inner, kernel_size=1, bias=False), nn.BatchNorm2d(inner), nn.ReLU()
        )
        self.fu = FourierUnit(inner)
        self.conv2 = nn.Conv2d(inner, channels, kernel_size=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W in and out."""
        x = self.conv1(x)
        result: Tensor = self.conv2(x + self.fu(x))
        return result


class FourierConvolution(nn.Module):
    """Up to four paths between the local and the global part, those that the channels call for.

    inputs, outputs: (local, global) numbers of channels. Only the local paths can have a stride.
    """

    def __init__(
        self, inputs: tuple[int, int], outputs: tuple[int, int], size: int, *, stride: int = 1, padding: int
    ) -> None:
        super().__init__()

        def path(start: int, end: int) -> nn.Conv2d | None:
            if not (start and end):
                return None
            return nn.Conv2d(start, end, size, stride, bias=False)

        self.padding = padding
        self.convl2l = path(inputs[0], outputs[0])
        self.convl2g = path(inputs[0], outputs[1])
        self.convg2l = path(inputs[1], outputs[0])
        self.convg2g = SpectralTransform(outputs[1]) if inputs[1] and outputs[1] else None

    def forward(self, pair: Pair) -> Pair:
        """The two parts, N x C x H x W, and the two parts of the result."""
        local, spread = pair
        near = _padded(local, self.padding)
        far = None if spread is None else _padded(spread, self.padding)
        return (
            _total(_applied(self.convl2l, near), _applied(self.convg2l, far)),
            _summed(_applied(self.convl2g, near), _applied(self.convg2g, spread)),
        )


class FourierLayer(nn.Module):
    """A Fourier convolution, batch norm and ReLU on each part."""

    def __init__(
        self, inputs: tuple[int, int], outputs: tuple[int, int], size: int, *, stride: int = 1, padding: int
    ) -> None:
        super().__init__()
        self.ffc = FourierConvolution(inputs, outputs, size, stride=stride, padding=padding)
        self.bn_l = nn.BatchNorm2d(outputs[0])
        self.bn_g = nn.BatchNorm2d(outputs[1]) if outputs[1] else None

    def forward(self, pair: Pair) -> Pair:
        """The two parts, N x C x H x W, values >= 0."""
        local, spread = self.ffc(pair)
        if self.bn_g is not None:
            spread = torch.relu(self.bn_g(spread))
        return torch.relu(self.bn_l(local)), spread


class FourierBlock(nn.Module):
    """Two layers whose result is added to their input."""

    def __init__(self, channels: tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = FourierLayer(channels, channels, 3, padding=1)
        self.conv2 = FourierLayer(channels, channels, 3, padding=1)

    def forward(self, pair: Pair) -> Pair:
        """The two parts, N x C x H x W, in and out."""
        local, spread = self.conv2(self.conv1(pair))
        return _total(pair[0], local), _summed(pair[1], spread)


class Lama(nn.Module):
    """The generator.

    masked: N x 4 x H x W: RGB in 0..1 with zeros in the hole, then the hole, 1 where it is to be filled.
    H and W are multiples of 8, and at least 16. The result is a whole picture; what is not hole is for
    the caller to keep.
    """

    def __init__(self, shape: LamaShape | None = None) -> None:
        super().__init__()
        shape = shape or LamaShape()
        halvings, width = shape.halvings, shape.width
        deepest = width << halvings
        spread = int(deepest * shape.global_share)
        parts = (deepest - spread, spread)
        down = [
            FourierLayer(
                (width << step, 0),
                parts if step == halvings - 1 else (width << step + 1, 0),
                3,
                stride=2,
                padding=1,
            )
            for step in range(halvings)
        ]
        up: list[nn.Module] = []
        for step in reversed(range(halvings)):
            up += [_doubled(width << step + 1, width << step), nn.BatchNorm2d(width << step), nn.ReLU()]
        self.start = 1
        self.middle = self.start + 1 + halvings + shape.blocks
        # Identities keep the places of what has no weights: padding, joining the parts, the sigmoid.
        self.model = nn.ModuleList(
            [
                nn.Identity(),
                FourierLayer((4, 0), (width, 0), 7, padding=3),
                *down,
                *(FourierBlock(parts) for _ in range(shape.blocks)),
                nn.Identity(),
                *up,
                nn.Identity(),
                nn.Conv2d(width, 3, kernel_size=7),
                nn.Identity(),
            ]
        )

    def logits(self, masked: Tensor) -> Tensor:
        """The filled picture before the sigmoid, N x 3 x H x W."""
        pair: Pair = (masked, None)
        for layer in self.model[self.start : self.middle]:
            pair = layer(pair)
        local, spread = pair
        assert spread is not None
        x = torch.cat((local, spread), dim=1)
        for layer in self.model[self.middle + 1 : -3]:
            x = layer(x)
        result: Tensor = self.model[-2](_padded(x, 3))
        return result

    def forward(self, masked: Tensor) -> Tensor:
        """The filled picture, N x 3 x H x W, RGB in 0..1."""
        return torch.sigmoid(self.logits(masked))


def lama() -> Lama:
    """big-LaMa, 51.0 million parameters."""
    return Lama()


def _doubled(inputs: int, outputs: int) -> nn.Module:
    return nn.ConvTranspose2d(inputs, outputs, kernel_size=3, stride=2, padding=1, output_padding=1)


def _padded(x: Tensor, padding: int) -> Tensor:
    return F.pad(x, (padding,) * 4, mode="reflect")


def _applied(path: nn.Module | None, x: Tensor | None) -> Tensor | None:
    return None if path is None or x is None else path(x)


def _summed(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return b if a is None else a if b is None else a + b


def _total(a: Tensor | None, b: Tensor | None) -> Tensor:
    result = _summed(a, b)
    assert result is not None
    return result
