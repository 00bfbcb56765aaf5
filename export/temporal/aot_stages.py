"""AOT and DeAOT as the steps that graphs are made of, each with all pixel work before and after it.

Each module's parts are named `pre`, `net`, `post`, and so are the graph's nodes: `net` alone is typed
to less than FP32.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trt_anime.export.networks.aot.network import Features, ObjectTracker
from trt_anime.export.temporal.aot_shape import MOST_OBJECTS, AotShape

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, RGB, in 0..1
NOBODY = -1e10  # logit of a channel without an object: its probability is exactly 0
LEAST = 1e-5  # probability that merging passes leaves at least, and 1 - LEAST at most


class Encode(nn.Module):
    """frame u8 [1,H,W,3] RGB -> the encoder's maps, float."""

    def __init__(self, network: ObjectTracker, shape: AotShape) -> None:
        super().__init__()
        self.pre, self.net = ImageOfFrame(shape), _Encoder(network)

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        maps: tuple[Tensor, Tensor, Tensor, Tensor] = self.net(self.pre(frame))
        return maps


class Refer(nn.Module):
    """A frame for which objects are given.

    `drawn` holds the given objects and 0 elsewhere, `labels` what was found in the frame (0 for the first
    frame), both u8 [1,H,W]. What is drawn wins. `first` f32 [1] is the label of this pass' first object.
    """

    def __init__(self, network: ObjectTracker, shape: AotShape) -> None:
        super().__init__()
        self.pre, self.net = _Drawing(shape), _Reference(network)

    def forward(
        self, embedding: Tensor, drawn: Tensor, labels: Tensor, first: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(decoder_input, memory, merged labels u8 [1,H,W])."""
        merged, planes = self.pre(drawn, labels, first)
        decoder_input, memory = self.net(embedding, planes)
        return decoder_input, memory, merged


class Propagate(nn.Module):
    """A frame whose objects are to be found: see `ObjectTracker.propagate`."""

    def __init__(self, network: ObjectTracker) -> None:
        super().__init__()
        self.net = _Propagation(network)

    def forward(
        self, embedding: Tensor, long: Tensor, valid: Tensor, short: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(decoder_input, pending)."""
        found: tuple[Tensor, Tensor] = self.net(embedding, long, valid, short)
        return found


class Decode(nn.Module):
    """To probabilities and labels at frame size, for one pass. `count` f32 [1]: objects that it has."""

    def __init__(self, network: ObjectTracker, shape: AotShape) -> None:
        super().__init__()
        self.net, self.post = _Decoder(network), _Probabilities(network, shape)

    def forward(
        self, decoder_input: Tensor, stride4: Tensor, stride8: Tensor, stride16: Tensor, count: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(probabilities f32 [1,11,H,W], background first; labels u8 [1,H,W], 1 is its first)."""
        found: tuple[Tensor, Tensor] = self.post(self.net(decoder_input, stride4, stride8, stride16), count)
        return found


class Memorise(nn.Module):
    """Completes what a frame left behind, now that its `labels` u8 [1,H,W] are known."""

    def __init__(self, network: ObjectTracker, shape: AotShape) -> None:
        super().__init__()
        self.pre, self.net = _Planes(shape), _Memory(network)

    def forward(self, pending: Tensor, labels: Tensor, first: Tensor) -> Tensor:
        """memory"""
        memory: Tensor = self.net(pending, self.pre(labels.float(), first))
        return memory


class Merge(nn.Module):
    """The passes' probabilities into those of all objects, as the published code merges them.

    Background is what is background to all. Then everything is cut to LEAST..1 - LEAST, and the odds are
    normalised: where several are cut off, they tie exactly, and the first of them wins.

    `active` f32 [passes] is 1 for passes that there are and 0 for others.
    """

    def __init__(self, shape: AotShape) -> None:
        super().__init__()
        self.post = _Odds(shape)

    def forward(self, active: Tensor, *probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """(probabilities f32 [1, 1 + objects * passes, H, W], labels u8 [1,H,W])."""
        found: tuple[Tensor, Tensor] = self.post(active, *probabilities)
        return found


class ImageOfFrame(nn.Module):
    """u8 [1,H,W,3] into what the network sees, float32 [1,3,h,w], normalised.

    Shrinks by whole boxes first, the rest bilinearly: engines have no antialiased resize.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: AotShape) -> None:
        super().__init__()
        self.size = shape.network_size
        self.box = max(min(shape.height // self.size[0], shape.width // self.size[1]), 1)
        self.register_buffer("mean", 255 * torch.tensor(MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", 255 * torch.tensor(DEVIATION).reshape(1, 3, 1, 1))

    def forward(self, frame: Tensor) -> Tensor:
        image = frame.float().permute(0, 3, 1, 2)
        if self.box > 1:
            image = F.avg_pool2d(image, self.box, ceil_mode=True, count_include_pad=False)
        if tuple(image.shape[-2:]) != self.size:
            image = F.interpolate(image, size=self.size, mode="bilinear", align_corners=False)
        return (image - self.mean) / self.deviation


class _Planes(nn.Module):
    """Labels f32 [1,H,W] into planes [1,11,h,w] of one pass: 1 where its object is, background first."""

    numbers: Tensor

    def __init__(self, shape: AotShape) -> None:
        super().__init__()
        self.size, self.objects = shape.network_size, shape.objects
        self.register_buffer("numbers", torch.arange(1.0, MOST_OBJECTS + 1).reshape(1, -1, 1, 1))

    def forward(self, labels: Tensor, first: Tensor) -> Tensor:
        labels = labels[:, None]
        if tuple(labels.shape[-2:]) != self.size:
            labels = F.interpolate(labels, size=self.size, mode="nearest")
        own = labels - first + 1
        own = torch.where(own <= self.objects, own, torch.zeros_like(own))
        objects = (own == self.numbers).float()
        return torch.cat((1 - objects.sum(dim=1, keepdim=True), objects), dim=1)


class _Drawing(nn.Module):
    def __init__(self, shape: AotShape) -> None:
        super().__init__()
        self.planes = _Planes(shape)

    def forward(self, drawn: Tensor, labels: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        given = drawn.float()
        merged = torch.where(given > 0, given, labels.float())
        return merged.to(torch.uint8), self.planes(merged, first)


class _Probabilities(nn.Module):
    channels: Tensor

    def __init__(self, network: ObjectTracker, shape: AotShape) -> None:
        super().__init__()
        self.size, self.align_corners = (shape.height, shape.width), network.decoder.align_corners
        self.register_buffer("channels", torch.arange(MOST_OBJECTS + 1.0).reshape(1, -1, 1, 1))

    def forward(self, logits: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        logits = torch.where(self.channels <= count, logits, torch.full_like(logits, NOBODY))
        logits = F.interpolate(logits, size=self.size, mode="bilinear", align_corners=self.align_corners)
        return torch.softmax(logits, dim=1), _labels(logits)


class _Odds(nn.Module):
    def __init__(self, shape: AotShape) -> None:
        super().__init__()
        self.objects = shape.objects

    def forward(self, active: Tensor, *probabilities: Tensor) -> tuple[Tensor, Tensor]:
        there = [active[index : index + 1] for index in range(len(probabilities))]
        backgrounds = [1 - t + t * own[:, :1] for t, own in zip(there, probabilities, strict=True)]
        objects = [t * own[:, 1 : 1 + self.objects] for t, own in zip(there, probabilities, strict=True)]
        merged = torch.cat((math.prod(backgrounds[1:], start=backgrounds[0]), *objects), dim=1).clamp(
            LEAST, 1 - LEAST
        )
        return torch.softmax(torch.log(merged / (1 - merged)), dim=1), _labels(merged)


def _labels(scores: Tensor) -> Tensor:
    return scores.argmax(dim=1).float().to(torch.uint8)  # bytes come from floats in every engine


class _Part(nn.Module):
    def __init__(self, network: ObjectTracker) -> None:
        super().__init__()
        self.network = network


class _Encoder(_Part):
    def forward(self, image: Tensor) -> Features:
        return self.network.encode(image)


class _Reference(_Part):
    def forward(self, embedding: Tensor, planes: Tensor) -> tuple[Tensor, Tensor]:
        found = self.network.refer(embedding, self.network.identity(planes))
        assert found.memory is not None
        return found.decoder_input, found.memory


class _Propagation(_Part):
    def forward(
        self, embedding: Tensor, long: Tensor, valid: Tensor, short: Tensor
    ) -> tuple[Tensor, Tensor]:
        found = self.network.propagate(embedding, long, valid, short)
        return found.decoder_input, found.pending


class _Decoder(_Part):
    def forward(self, decoder_input: Tensor, stride4: Tensor, stride8: Tensor, stride16: Tensor) -> Tensor:
        logits: Tensor = self.network.decoder(decoder_input, stride4, stride8, stride16)
        return logits


class _Memory(_Part):
    def forward(self, pending: Tensor, planes: Tensor) -> Tensor:
        return self.network.remember(pending, self.network.identity(planes))
