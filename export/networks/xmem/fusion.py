"""Where the frame's features and those of each object meet.

A frame's tensors are [1,C,h,w], an object's are rows of [objects,C,h,w]. A convolution over both, joined by
channel, is a convolution over each and a sum: the frame's part is computed once, however many objects.
Attribute names are those in the published weights.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GATE_REDUCTION = 16


def over_both(convolution: nn.Conv2d, frame: Tensor, objects: Tensor) -> Tensor:
    """`convolution` of [frame, objects] joined by channel: [objects,...]."""
    weight, first = convolution.weight, frame.shape[1]
    stride, padding = convolution.stride, convolution.padding
    assert isinstance(padding, tuple)
    shared = F.conv2d(frame, weight[:, :first], None, stride, padding)
    return shared + F.conv2d(objects, weight[:, first:], convolution.bias, stride, padding)


class Residual(nn.Module):
    """Two 3x3 convolutions, each after a ReLU, around a skip; no norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.downsample = None if inputs == outputs else nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[objects,inputs,h,w] -> [objects,outputs,h,w]."""
        skip: Tensor = x if self.downsample is None else self.downsample(x)
        result: Tensor = skip + self.conv2(F.relu(self.conv1(F.relu(x))))
        return result

    def joined(self, frame: Tensor, objects: Tensor) -> Tensor:
        """As `forward` of both, joined by channel."""
        assert self.downsample is not None
        inner = over_both(self.conv1, F.relu(frame), F.relu(objects))
        result: Tensor = over_both(self.downsample, frame, objects) + self.conv2(F.relu(inner))
        return result


class ChannelGate(nn.Module):
    """Scales each channel by what its mean and its maximum over the map say (Woo et al., "CBAM", 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // GATE_REDUCTION, 1)
        self.mlp = nn.Sequential(
            nn.Flatten(), nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in, NCHW of the same shape out."""
        pooled = (x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))
        return x * torch.sigmoid(self._weighed(pooled[0]) + self._weighed(pooled[1]))

    def _weighed(self, pooled: Tensor) -> Tensor:
        # 1x1 convolutions: TensorRT-RTX has no FP32 matrix product for SM75.
        first, last = self.mlp[1], self.mlp[3]
        assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
        inner = F.relu(F.conv2d(pooled, first.weight[:, :, None, None], first.bias))
        return F.conv2d(inner, last.weight[:, :, None, None], last.bias)


class Biased(nn.Module):
    """Holds a 7x7 convolution under the name that the weights have for it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)


class SpatialGate(nn.Module):
    """Scales each position by what the maximum and the mean of its channels say."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = Biased()

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in, NCHW of the same shape out."""
        pooled = torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), dim=1)
        return x * torch.sigmoid(self.spatial.conv(pooled))


class Attention(nn.Module):
    """Both gates, one after the other."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ChannelGate = ChannelGate(channels)
        self.SpatialGate = SpatialGate()

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in, NCHW of the same shape out."""
        gated: Tensor = self.SpatialGate(self.ChannelGate(x))
        return gated


class Fusion(nn.Module):
    """The frame's features into those of each object."""

    def __init__(self, frame: int, objects: int, outputs: int) -> None:
        super().__init__()
        self.block1 = Residual(frame + objects, outputs)
        self.attention = Attention(outputs)
        self.block2 = Residual(outputs, outputs)

    def forward(self, frame: Tensor, objects: Tensor) -> Tensor:
        """[1,frame,h,w], [objects,objects,h,w] -> [objects,outputs,h,w]."""
        x = self.block1.joined(frame, objects)
        fused: Tensor = self.block2(x + self.attention(x))
        return fused
