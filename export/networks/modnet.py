"""MODNet: portrait mattes without a trimap.

Source paper: Ke et al., "MODNet: Real-Time Portrait Matting via Objective Decomposition", AAAI 2022. The
state names are those of the files `modnet_*.ckpt`, without their prefix `module.`.
"""

import torch
from torch import Tensor, nn

from trt_anime.export.networks.mobilenet import HEAD_CHANNELS, MobileNetV2, Pyramid
from trt_anime.export.networks.rsu import resize_like

WIDTH = 32  # channels of the high-resolution branch


class HalfInstanceNorm(nn.Module):
    """Batch norm on the first half of the channels, instance norm (without any weights) on the others.

    Source paper: Pan et al., "Two at Once: Enhancing Learning and Generalization Capacities via IBN-Net",
    ECCV 2018. The instance norm always uses the image at hand, in evaluation mode too: a matte depends on
    the whole picture and can't be computed in tiles.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.batch_channels = channels // 2
        self.bnorm = nn.BatchNorm2d(self.batch_channels)

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in, NCHW of the same shape out."""
        first, others = x[:, : self.batch_channels], x[:, self.batch_channels :]
        # not nn.functional's: that one refuses maps of a single pixel, which small images end in
        others = torch.instance_norm(others, None, None, None, None, True, 0.0, 1e-5, False)
        return torch.cat((self.bnorm(first), others), dim=1)


class ConvNorm(nn.Module):
    """Convolution, HalfInstanceNorm, ReLU; or the convolution alone, for a head."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, head: bool = False
    ) -> None:
        super().__init__()
        convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
        rest = () if head else (HalfInstanceNorm(outputs), nn.ReLU())
        self.layers = nn.Sequential(convolution, *rest)

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in; NCHW of `outputs` channels out, height and width divided by `stride`, rounded up."""
        y: Tensor = self.layers(x)
        return y


class ChannelGate(nn.Module):
    """Scales each channel by a sigmoid of the image's mean channels (Hu et al., "SENet", CVPR 2018)."""

    def __init__(self, channels: int, *, reduction: int = 4) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction, bias=False),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in, NCHW of the same shape out."""
        gate: Tensor = self.fc(x.mean(dim=(2, 3)))
        return x * gate[:, :, None, None]


class Backbone(nn.Module):
    """Holds the backbone under the name that the weights have for it."""

    def __init__(self) -> None:
        super().__init__()
        self.model = MobileNetV2()

    def forward(self, image: Tensor) -> Pyramid:
        """N x 3 x H x W in, the maps of `Pyramid` out."""
        pyramid: Pyramid = self.model(image)
        return pyramid


class SemanticBranch(nn.Module):
    """Low resolution: where the person is."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone  # the same object as MODNet.backbone: its tensors have two names
        self.se_block = ChannelGate(HEAD_CHANNELS)
        self.conv_lr16x = ConvNorm(HEAD_CHANNELS, 96, 5)
        self.conv_lr8x = ConvNorm(96, 32, 5)
        self.conv_lr = ConvNorm(32, 1, 3, stride=2, head=True)

    def forward(self, pyramid: Pyramid) -> Tensor:
        """N x 32 map at 1/8 of the image."""
        gated: Tensor = self.se_block(pyramid.thirtysecond)
        x: Tensor = self.conv_lr16x(resize_like(gated, pyramid.sixteenth))
        x = self.conv_lr8x(resize_like(x, pyramid.eighth))
        return x


class DetailBranch(nn.Module):
    """High resolution: where the outline is."""

    def __init__(self) -> None:
        super().__init__()
        self.tohr_enc2x = ConvNorm(16, WIDTH, 1)
        self.conv_enc2x = ConvNorm(WIDTH + 3, WIDTH, 3, stride=2)
        self.tohr_enc4x = ConvNorm(24, WIDTH, 1)
        self.conv_enc4x = ConvNorm(2 * WIDTH, 2 * WIDTH, 3)
        self.conv_hr4x = nn.Sequential(
            ConvNorm(3 * WIDTH + 3, 2 * WIDTH, 3),
            ConvNorm(2 * WIDTH, 2 * WIDTH, 3),
            ConvNorm(2 * WIDTH, WIDTH, 3),
        )
        self.conv_hr2x = nn.Sequential(
            ConvNorm(2 * WIDTH, 2 * WIDTH, 3),
            ConvNorm(2 * WIDTH, WIDTH, 3),
            ConvNorm(WIDTH, WIDTH, 3),
            ConvNorm(WIDTH, WIDTH, 3),
        )
        self.conv_hr = nn.Sequential(ConvNorm(WIDTH + 3, WIDTH, 3), ConvNorm(WIDTH, 1, 1, head=True))

    def forward(self, image: Tensor, pyramid: Pyramid, semantic: Tensor) -> Tensor:
        """N x WIDTH map at 1/2 of the image."""
        half: Tensor = self.tohr_enc2x(pyramid.half)
        quarter: Tensor = self.tohr_enc4x(pyramid.quarter)
        x: Tensor = self.conv_enc2x(torch.cat((resize_like(image, half), half), dim=1))
        x = self.conv_enc4x(torch.cat((x, quarter), dim=1))
        x = torch.cat((x, resize_like(semantic, quarter), resize_like(image, quarter)), dim=1)
        x = resize_like(self.conv_hr4x(x), half)
        x = self.conv_hr2x(torch.cat((x, half), dim=1))
        return x


class FusionBranch(nn.Module):
    """Both branches and the image into the matte."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_lr4x = ConvNorm(32, WIDTH, 5)
        self.conv_f2x = ConvNorm(2 * WIDTH, WIDTH, 3)
        self.conv_f = nn.Sequential(
            ConvNorm(WIDTH + 3, WIDTH // 2, 3), ConvNorm(WIDTH // 2, 1, 1, head=True)
        )

    def forward(self, image: Tensor, pyramid: Pyramid, semantic: Tensor, detail: Tensor) -> Tensor:
        """N x 1 x H x W logits of the matte."""
        x: Tensor = self.conv_lr4x(resize_like(semantic, pyramid.quarter))
        x = self.conv_f2x(torch.cat((resize_like(x, detail), detail), dim=1))
        x = self.conv_f(torch.cat((resize_like(x, image), image), dim=1))
        return x


class MODNet(nn.Module):
    """The three branches on one backbone.

    image: N x 3 x H x W, RGB, values in -1..1 ((x / 255 - 0.5) / 0.5). With H and W that are multiples of
    32 the result is that of the published network, which takes no others. Any other size works too: every
    map is then resized to the rounded-up size of its neighbour; how good such mattes are is not promised.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.lr_branch = SemanticBranch(self.backbone)
        self.hr_branch = DetailBranch()
        self.f_branch = FusionBranch()

    def _maps(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pyramid: Pyramid = self.backbone(image)
        semantic: Tensor = self.lr_branch(pyramid)
        detail: Tensor = self.hr_branch(image, pyramid, semantic)
        matte: Tensor = self.f_branch(image, pyramid, semantic, detail)
        return semantic, detail, matte

    def logits(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(semantic, detail, matte) before the sigmoid: N x 1 maps at 1/16, 1/1 and 1/1 of the image."""
        semantic, detail, matte = self._maps(image)
        detail = torch.cat((resize_like(detail, image), image), dim=1)
        return self.lr_branch.conv_lr(semantic), self.hr_branch.conv_hr(detail), matte

    def forward(self, image: Tensor, inference: bool = True) -> tuple[Tensor | None, Tensor | None, Tensor]:
        """(semantic, detail, matte) in 0..1, see `logits`; the first two are None when `inference` is true.

        They supervise the training; the matte is the same either way.
        """
        if inference:
            return None, None, torch.sigmoid(self._maps(image)[2])
        semantic, detail, matte = self.logits(image)
        return torch.sigmoid(semantic), torch.sigmoid(detail), torch.sigmoid(matte)


def modnet() -> MODNet:
    """MODNet on MobileNetV2, 6.5 million parameters."""
    return MODNet()
