"""XMem: masks carried through a clip by three memories.

Source paper: Cheng and Schwing, "XMem: Long-Term Video Object Segmentation with an Atkinson-Shiffrin Memory
Model", ECCV 2022. The state names are those of the file `XMem.pth`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trt_anime.export.networks.xmem.constants import LEAST, MOST
from trt_anime.export.networks.xmem.fusion import Fusion, Residual, over_both
from trt_anime.export.networks.xmem.residual import EXPANSION, basics, bottlenecks, convolution
from trt_anime.export.networks.xmem.sensory import Reinforcement, Update


@dataclass(frozen=True)
class Shape:
    """Channels and blocks of an XMem. The defaults are those of the published weights.

    stem: of both encoders' first convolution; all maps of them are multiples of it.
    key_blocks, value_blocks: residual blocks at 1/4, 1/8 and 1/16.
    """

    stem: int = 64
    key: int = 64
    value: int = 512
    sensory: int = 64
    key_blocks: tuple[int, int, int] = (3, 4, 6)
    value_blocks: tuple[int, int, int] = (2, 2, 2)


class Encoded(NamedTuple):
    """What the key encoder says of a frame.

    key, selection: [1,key,h,w] at 1/16 of the image, selection in 0..1. shrinkage: [1,1,h,w], at least 1.
    f16, f8, f4: [1,...] features at 1/16, 1/8, 1/4.
    """

    key: Tensor
    shrinkage: Tensor
    selection: Tensor
    f16: Tensor
    f8: Tensor
    f4: Tensor


class KeyEncoder(nn.Module):
    """ResNet-50 without its last stage."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        stem, blocks = shape.stem, shape.key_blocks
        self.conv1 = convolution(3, stem, 7, stride=2)
        self.bn1 = nn.BatchNorm2d(stem)
        self.res2 = bottlenecks(stem, stem, blocks[0], stride=1)
        self.layer2 = bottlenecks(EXPANSION * stem, 2 * stem, blocks[1], stride=2)
        self.layer3 = bottlenecks(2 * EXPANSION * stem, 4 * stem, blocks[2], stride=2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features at 1/16, 1/8, 1/4."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(image))), 3, stride=2, padding=1)
        f4: Tensor = self.res2(x)
        f8: Tensor = self.layer2(f4)
        return self.layer3(f8), f8, f4


class KeyProjection(nn.Module):
    """The key of each position, how narrow it is as a memory, and what counts for it as a query."""

    def __init__(self, inputs: int, key: int) -> None:
        super().__init__()
        self.key_proj = nn.Conv2d(inputs, key, 3, padding=1)
        self.d_proj = nn.Conv2d(inputs, 1, 3, padding=1)
        self.e_proj = nn.Conv2d(inputs, key, 3, padding=1)

    def forward(self, f16: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(key, shrinkage, selection), see `Encoded`."""
        return self.key_proj(f16), self.d_proj(f16).square() + 1, torch.sigmoid(self.e_proj(f16))


class ValueEncoder(nn.Module):
    """ResNet-18 without its last stage on frame and masks, then the frame's key features."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        stem, blocks = shape.stem, shape.value_blocks
        self.conv1 = convolution(5, stem, 7, stride=2)
        self.bn1 = nn.BatchNorm2d(stem)
        self.layer1 = basics(stem, stem, blocks[0], stride=1)
        self.layer2 = basics(stem, 2 * stem, blocks[1], stride=2)
        self.layer3 = basics(2 * stem, 4 * stem, blocks[2], stride=2)
        self.fuser = Fusion(4 * EXPANSION * stem, 4 * stem, shape.value)
        self.hidden_reinforce = Reinforcement(shape.value, shape.sensory)

    def forward(self, image: Tensor, masks: Tensor, f16: Tensor, sensory: Tensor) -> tuple[Tensor, Tensor]:
        """See `XMem.encode_value`; `masks` is [objects,2,H,W]: each object's own, the sum of the others."""
        x = F.max_pool2d(self.bn1(over_both(self.conv1, image, masks)), 3, stride=2, padding=1)
        x = self.layer3(self.layer2(self.layer1(F.relu(x))))
        value = self.fuser(f16, x)
        return value, self.hidden_reinforce(value, sensory)


class Upsampling(nn.Module):
    """To twice the size, with the frame's features of that size."""

    def __init__(self, skip: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip, inputs, 3, padding=1)
        self.out_conv = Residual(inputs, outputs)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        """[1,skip,2h,2w], [objects,inputs,h,w] -> [objects,outputs,2h,2w]."""
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        upsampled: Tensor = self.out_conv(self.skip_conv(skip) + x)
        return upsampled


class Decoder(nn.Module):
    """From what was read to a mask."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        inner = EXPANSION * shape.stem
        self.fuser = Fusion(4 * inner, shape.value + shape.sensory, shape.value)
        self.hidden_update = Update((shape.value, inner, inner + 1), inner, shape.sensory)
        self.up_16_8 = Upsampling(2 * inner, shape.value, inner)
        self.up_8_4 = Upsampling(inner, inner, inner)
        self.pred = nn.Conv2d(inner, 1, 3, padding=1)

    def forward(
        self, f16: Tensor, f8: Tensor, f4: Tensor, readout: Tensor, sensory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `XMem.decode`."""
        g16 = self.fuser(f16, torch.cat((readout, sensory), dim=1))
        g8 = self.up_16_8(f8, g16)
        g4 = self.up_8_4(f4, g8)
        logits = self.pred(F.relu(g4))
        return logits, self.hidden_update(g16, g8, torch.cat((g4, logits), dim=1), sensory)


class XMem(nn.Module):
    """The networks of XMem; what is memorised when is for the caller.

    One frame at a time, any number of objects. image: [1,3,H,W], RGB, ImageNet normalisation (mean 0.485,
    0.456, 0.406, deviation 0.229, 0.224, 0.225 of values in 0..1), H and W multiples of 16; h = H/16 and
    w = W/16. sensory: [objects,sensory,h,w], zero for a new object.
    """

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape = shape or Shape()
        self.key_encoder = KeyEncoder(shape)
        self.value_encoder = ValueEncoder(shape)
        self.key_proj = KeyProjection(4 * EXPANSION * shape.stem, shape.key)
        self.decoder = Decoder(shape)

    def encode_key(self, image: Tensor) -> Encoded:
        """Everything about a frame that doesn't depend on objects."""
        f16, f8, f4 = self.key_encoder(image)
        key, shrinkage, selection = self.key_proj(f16)
        return Encoded(key, shrinkage, selection, f16, f8, f4)

    def encode_value(
        self, image: Tensor, f16: Tensor, sensory: Tensor, masks: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What to memorise of each object: (value [objects,value,h,w], sensory memory after a deep update).

        masks: [objects,1,H,W], 0..1.
        """
        others = masks.sum(0, keepdim=True) - masks
        value, deep = self.value_encoder(image, torch.cat((masks, others), dim=1), f16, sensory)
        return value, deep

    def decode(
        self, f16: Tensor, f8: Tensor, f4: Tensor, readout: Tensor, sensory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(logits [objects,1,H/4,W/4], sensory memory after a normal update) from what was read.

        readout: [objects,value,h,w].
        """
        logits, normal = self.decoder(f16, f8, f4, readout, sensory)
        return logits, normal


def aggregated(masks: Tensor) -> Tensor:
    """Log-odds of background and objects, [1+objects,...]: their softmax says whose a pixel is.

    masks: [objects,...], 0..1, each object's probability by itself. Background is where no object is.
    """
    background = (1 - masks).prod(0, keepdim=True)
    return torch.cat((background, masks)).clamp(LEAST, MOST).logit()


def full_size(logits: Tensor) -> Tensor:
    """[objects,1,H/4,W/4] -> [objects,1,H,W]."""
    return F.interpolate(logits, scale_factor=4, mode="bilinear", align_corners=False)


def xmem() -> XMem:
    """XMem with the published shape, 62.2 million parameters."""
    return XMem()
