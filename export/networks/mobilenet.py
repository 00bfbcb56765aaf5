"""MobileNetV2 (width 1.0) as a feature extractor: the backbone of MODNet.

Source paper: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
Attribute names are those in MODNet's published weights.
"""

from typing import NamedTuple

from torch import Tensor, nn


class Stage(NamedTuple):
    """`repeats` inverted residuals of `channels`; the first has `stride`, all expand by `expansion`."""

    expansion: int
    channels: int
    repeats: int
    stride: int


STEM_CHANNELS = 32
STAGES = (
    Stage(expansion=1, channels=16, repeats=1, stride=1),
    Stage(expansion=6, channels=24, repeats=2, stride=2),
    Stage(expansion=6, channels=32, repeats=3, stride=2),
    Stage(expansion=6, channels=64, repeats=4, stride=2),
    Stage(expansion=6, channels=96, repeats=3, stride=1),
    Stage(expansion=6, channels=160, repeats=3, stride=2),
    Stage(expansion=6, channels=320, repeats=1, stride=1),
)
HEAD_CHANNELS = 1280


class Pyramid(NamedTuple):
    """NCHW maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of the image, rounded up; 16, 24, 32, 96, 1280 channels."""

    half: Tensor
    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor
    thirtysecond: Tensor


PYRAMID_LAYERS = (1, 3, 6, 13, 18)  # the entries of `features` whose outputs make a Pyramid


def conv_bn(inputs: int, outputs: int, *, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution without bias and its batch norm."""
    convolution = nn.Conv2d(
        inputs, outputs, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return [convolution, nn.BatchNorm2d(outputs)]


class InvertedResidual(nn.Module):
    """1x1 expansion (absent when it is 1), 3x3 depthwise, linear 1x1 projection, skip when shapes allow."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [*conv_bn(inputs, hidden, kernel=1), nn.ReLU6()]
        layers += [*conv_bn(hidden, hidden, kernel=3, stride=stride, groups=hidden), nn.ReLU6()]
        layers += conv_bn(hidden, outputs, kernel=1)
        self.conv = nn.Sequential(*layers)
        self.has_skip = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in; NCHW of `outputs` channels out, height and width divided by `stride`, rounded up."""
        y: Tensor = self.conv(x)
        return x + y if self.has_skip else y


class MobileNetV2(nn.Module):
    """All convolutional layers, no classifier."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Sequential(*conv_bn(3, STEM_CHANNELS, kernel=3, stride=2), nn.ReLU6()),
        ]
        channels = STEM_CHANNELS
        for stage in STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                layers.append(
                    InvertedResidual(channels, stage.channels, stride=stride, expansion=stage.expansion)
                )
                channels = stage.channels
        layers.append(nn.Sequential(*conv_bn(channels, HEAD_CHANNELS, kernel=1), nn.ReLU6()))
        self.features = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Pyramid:
        """N x 3 x H x W, any height and width of at least 1."""
        taps: list[Tensor] = []
        x = image
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in PYRAMID_LAYERS:
                taps.append(x)
        return Pyramid(*taps)
