"""The image encoders, cut off at 1/16: MobileNetV2 with dilation instead of its last stride, and ResNet-50.

Attribute names are those of torchvision, which the published weights follow.
"""

from typing import NamedTuple

from torch import Tensor, nn

from trt_anime.export.networks.aot.frozen import FrozenBatchNorm
from trt_anime.export.networks.mobilenet import HEAD_CHANNELS, STEM_CHANNELS


class Taps(NamedTuple):
    """Maps at 1/4, 1/8, 1/16 of the image for the decoder, and the deepest at 1/16 for the attention."""

    stride4: Tensor
    stride8: Tensor
    stride16: Tensor
    deepest: Tensor


class Stage(NamedTuple):
    """`repeats` inverted residuals of `channels`; the first has `stride` and `dilation`, the others
    `later_dilation`."""

    expansion: int
    channels: int
    repeats: int
    stride: int = 1
    dilation: int = 1
    later_dilation: int = 1


STAGES = (
    Stage(expansion=1, channels=16, repeats=1),
    Stage(expansion=6, channels=24, repeats=2, stride=2),
    Stage(expansion=6, channels=32, repeats=3, stride=2),
    Stage(expansion=6, channels=64, repeats=4, stride=2),
    Stage(expansion=6, channels=96, repeats=3),
    Stage(expansion=6, channels=160, repeats=3, later_dilation=2),  # the stride became a dilation
    Stage(expansion=6, channels=320, repeats=1, dilation=2),
)
TAPPED = (3, 6, 13, 18)  # the entries of `features` whose outputs make Taps


def _conv(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    padding = dilation * (kernel // 2)
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)


def _conv_relu6(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    convolution = _conv(inputs, outputs, kernel, stride=stride, dilation=dilation, groups=groups)
    return nn.Sequential(convolution, FrozenBatchNorm(outputs), nn.ReLU6())


class InvertedResidual(nn.Module):
    """1x1 expansion (absent when it is 1), 3x3 depthwise, linear 1x1 projection, skip when shapes allow."""

    def __init__(
        self, inputs: int, outputs: int, *, expansion: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [_conv_relu6(inputs, hidden, 1)] if expansion != 1 else []
        depthwise = _conv_relu6(hidden, hidden, 3, stride=stride, dilation=dilation, groups=hidden)
        self.conv = nn.Sequential(*expand, depthwise, _conv(hidden, outputs, 1), FrozenBatchNorm(outputs))
        self.has_skip = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in; NCHW of `outputs` channels out, height and width divided by `stride`, rounded up."""
        y: Tensor = self.conv(x)
        return x + y if self.has_skip else y


class MobileNetV2(nn.Module):
    """Channels of its taps: 24, 32, 96, 1280."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv_relu6(3, STEM_CHANNELS, 3, stride=2)]
        channels = STEM_CHANNELS
        for stage in STAGES:
            for repeat in range(stage.repeats):
                stride, dilation = (
                    (stage.stride, stage.dilation) if repeat == 0 else (1, stage.later_dilation)
                )
                layers.append(
                    InvertedResidual(
                        channels,
                        stage.channels,
                        expansion=stage.expansion,
                        stride=stride,
                        dilation=dilation,
                    )
                )
                channels = stage.channels
        layers.append(_conv_relu6(channels, HEAD_CHANNELS, 1))
        self.features = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Taps:
        """N x 3 x H x W, normalised by ImageNet's mean and deviation."""
        taps: list[Tensor] = []
        x = image
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPPED:
                taps.append(x)
        return Taps(*taps)


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1 to four times `width`, added to the input or its projection."""

    def __init__(self, inputs: int, width: int, *, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = _conv(inputs, width, 1), FrozenBatchNorm(width)
        self.conv2, self.bn2 = _conv(width, width, 3, stride=stride), FrozenBatchNorm(width)
        self.conv3, self.bn3 = _conv(width, outputs, 1), FrozenBatchNorm(outputs)
        self.relu = nn.ReLU()
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                _conv(inputs, outputs, 1, stride=stride), FrozenBatchNorm(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in; NCHW of 4 * `width` channels out, height and width divided by `stride`, rounded up."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        skip: Tensor = x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(self.bn3(self.conv3(y)) + skip)
        return result


class ResNet50(nn.Module):
    """ResNet-50 without its last group. Channels of its taps: 256, 512, 1024, 1024 (one map)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(3, 64, 7, stride=2), FrozenBatchNorm(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = _group(64, 64, blocks=3, stride=1)
        self.layer2 = _group(256, 128, blocks=4, stride=2)
        self.layer3 = _group(512, 256, blocks=6, stride=2)

    def forward(self, image: Tensor) -> Taps:
        """N x 3 x H x W, normalised by ImageNet's mean and deviation."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        stride4: Tensor = self.layer1(x)
        stride8: Tensor = self.layer2(stride4)
        stride16: Tensor = self.layer3(stride8)
        return Taps(stride4, stride8, stride16, stride16)


def _group(inputs: int, width: int, *, blocks: int, stride: int) -> nn.Sequential:
    later = (Bottleneck(4 * width, width, stride=1) for _ in range(blocks - 1))
    return nn.Sequential(Bottleneck(inputs, width, stride=stride), *later)
