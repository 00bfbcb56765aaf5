"""The encoders' residual blocks.

Source paper: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, with the stride of a
bottleneck on its 3x3 convolution. Attribute names are those in XMem's published weights.
"""

from torch import Tensor, nn
from torch.nn import functional as F

EXPANSION = 4  # a bottleneck gives that many times its inner width


def convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Conv2d:
    """Without bias, as a batch norm follows; keeps the size but for the stride."""
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """What the skip needs where shapes differ, else None."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(convolution(inputs, outputs, 1, stride=stride), nn.BatchNorm2d(outputs))


class Basic(nn.Module):
    """Two 3x3 convolutions: the block of ResNet-18."""

    def __init__(self, inputs: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = convolution(inputs, width, 3, stride=stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in; NCHW of `width` channels out, height and width divided by `stride`."""
        skip = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + skip)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions: the block of ResNet-50."""

    def __init__(self, inputs: int, width: int, *, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = convolution(inputs, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = convolution(width, width, 3, stride=stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = convolution(width, outputs, 1)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in; NCHW of 4 * `width` channels out, height and width divided by `stride`."""
        skip = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.relu(self.bn3(self.conv3(x)) + skip)


def basics(inputs: int, width: int, count: int, *, stride: int) -> nn.Sequential:
    """`count` blocks, the first of which has the stride; gives `width` channels."""
    rest = (Basic(width, width, stride=1) for _ in range(count - 1))
    return nn.Sequential(Basic(inputs, width, stride=stride), *rest)


def bottlenecks(inputs: int, width: int, count: int, *, stride: int) -> nn.Sequential:
    """`count` blocks, the first of which has the stride; gives 4 * `width` channels."""
    rest = (Bottleneck(EXPANSION * width, width, stride=1) for _ in range(count - 1))
    return nn.Sequential(Bottleneck(inputs, width, stride=stride), *rest)
