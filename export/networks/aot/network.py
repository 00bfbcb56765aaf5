"""The whole network, in the steps that a clip needs."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from trt_anime.export.networks.aot.decoder import OBJECTS, Decoder
from trt_anime.export.networks.aot.encoders import Taps
from trt_anime.export.networks.aot.gated import Branches, GatedLayer
from trt_anime.export.networks.aot.lstt import AotLayer, Layer, Recalled
from trt_anime.export.networks.aot.maps import map_of, sine_position, tokens_of

CHANNELS = 256
HEADS = 8  # of AOT; DeAOT has one


class Features(NamedTuple):
    """Of one frame: the encoder's maps, and the projected one that the layers start from."""

    stride4: Tensor
    stride8: Tensor
    stride16: Tensor
    embedding: Tensor


class Found(NamedTuple):
    """After all layers.

    Attributes:
        decoder_input: 1 x C' x h x w.
        layers: the outputs, n x C (AOT, normalised) or n x 2C (DeAOT, the last one normalised).
        pending: L x n x P, see `Layer`.
        memory: L x n x D where the frame was its own memory, else None.
    """

    decoder_input: Tensor
    layers: list[Tensor]
    pending: Tensor
    memory: Tensor | None


class TokenGroupNorm(nn.Module):
    """Group norm over both branches' channels and all tokens."""

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__()
        self.gn = nn.GroupNorm(groups, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """n x C in, n x C out."""
        normal: Tensor = self.gn(tokens.transpose(0, 1)[None])
        return normal[0].transpose(0, 1)


class Transformer(nn.Module):
    """The layers, one after another, with the norms of their outputs."""

    layers: nn.ModuleList
    decoder_norms: nn.ModuleList

    def __init__(self, depth: int, *, gated: bool) -> None:
        super().__init__()
        self.gated = gated
        if gated:
            self.layers = nn.ModuleList(GatedLayer(CHANNELS, first=index == 0) for index in range(depth))
            self.decoder_norms = nn.ModuleList([TokenGroupNorm(2, 2 * CHANNELS)])
        else:
            self.mask_token = nn.Parameter(torch.zeros(1, 1, CHANNELS))  # in the files, used by nothing
            self.layers = nn.ModuleList(AotLayer(CHANNELS, HEADS) for _ in range(depth))
            self.decoder_norms = nn.ModuleList(nn.LayerNorm(CHANNELS) for _ in range(depth))

    def forward(self, embedding: Tensor, recall: "Recall") -> tuple[list[Tensor], list[Tensor]]:
        """1 x C x h x w in; outputs as in `Found.layers` and the pending n x P of each layer out."""
        tokens = tokens_of(embedding)
        height, width = embedding.shape[-2:]
        position = sine_position((height, width), CHANNELS, tokens)
        state: Any = Branches(tokens, None) if self.gated else tokens
        outputs, pendings = [], []
        for index, module in enumerate(self.layers):
            layer = cast(Layer, module)
            waiting, pending = layer.begin(state, position)
            state = layer.finish(waiting, recall(index, layer, pending))
            pendings.append(pending)
            outputs.append(torch.cat(state, dim=-1) if self.gated else state)
        normed = len(self.decoder_norms)  # DeAOT: the last output alone, the only one that is decoded
        outputs[-normed:] = [norm(x) for norm, x in zip(self.decoder_norms, outputs[-normed:], strict=True)]
        return outputs, pendings


Recall = Callable[[int, Layer, Tensor], Recalled]  # index, layer, pending -> what the layer may look at


class ObjectTracker(nn.Module):
    """AOT or DeAOT around an encoder.

    Args:
        encoder: image -> `Taps`.
        taps: channels of its four maps.
        depth: number of layers.
        gated: DeAOT's layers instead of AOT's.
        align_corners: whether maps are resized corner to corner. The image then has 16k + 1 pixels a side,
            else 16k.
    """

    def __init__(
        self,
        encoder: nn.Module,
        taps: tuple[int, int, int, int],
        *,
        depth: int,
        gated: bool,
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        found = 2 * CHANNELS if gated else (depth + 1) * CHANNELS
        kernel, padding = (17, 8) if align_corners else (16, 0)
        self.gated = gated
        self.encoder = encoder
        self.encoder_projector = nn.Conv2d(taps[3], CHANNELS, 1)
        self.LSTT = Transformer(depth, gated=gated)
        self.decoder = Decoder(found, CHANNELS, taps[:3], align_corners=align_corners)
        self.patch_wise_id_bank = nn.Conv2d(OBJECTS + 1, CHANNELS, kernel, stride=16, padding=padding)
        if gated:
            self.id_norm = nn.LayerNorm(CHANNELS)

    @property
    def pending_channels(self) -> int:
        """P in `Found`."""
        return cast(AotLayer | GatedLayer, self.LSTT.layers[0]).pending_channels

    @property
    def memory_channels(self) -> int:
        """D in `Found`."""
        return cast(AotLayer | GatedLayer, self.LSTT.layers[0]).memory_channels

    def encode(self, image: Tensor) -> Features:
        """1 x 3 x H x W, RGB, normalised by ImageNet's mean and deviation."""
        taps: Taps = self.encoder(image)
        return Features(*taps[:3], self.encoder_projector(taps.deepest))

    def identity(self, planes: Tensor) -> Tensor:
        """1 x 11 x H x W, 1 where an object is and 0 elsewhere, background first; n x C out."""
        tokens = tokens_of(self.patch_wise_id_bank(planes))
        return self.id_norm(tokens) if self.gated else tokens

    def refer(self, embedding: Tensor, identity: Tensor) -> Found:
        """A frame whose objects are known: it looks at itself as its own memory."""
        memories: list[Tensor] = []
        size = _size(embedding)

        def recall(index: int, layer: Layer, pending: Tensor) -> Recalled:
            memory = layer.remember(pending, identity)
            memories.append(memory)
            return Recalled(memory[None], None, memory, size)

        layers, pendings = self.LSTT(embedding, recall)
        return Found(
            self._decoder_input(embedding, layers), layers, torch.stack(pendings), torch.stack(memories)
        )

    def propagate(self, embedding: Tensor, long: Tensor, valid: Tensor, short: Tensor) -> Found:
        """A frame whose objects are to be found.

        Args:
            embedding: 1 x C x h x w.
            long: T x L x n x D, memories; what lies in a slot that is not valid does not matter, but must
                be finite.
            valid: T numbers, 1 or 0.
            short: L x n x D, the memory of a frame shortly before.
        """
        size = _size(embedding)

        def recall(index: int, layer: Layer, pending: Tensor) -> Recalled:
            return Recalled(long[:, index], valid, short[index], size)

        layers, pendings = self.LSTT(embedding, recall)
        return Found(self._decoder_input(embedding, layers), layers, torch.stack(pendings), None)

    def remember(self, pending: Tensor, identity: Tensor) -> Tensor:
        """L x n x P and n x C in; the frame's memory L x n x D out."""
        layers = (cast(Layer, layer) for layer in self.LSTT.layers)
        return torch.stack(
            [layer.remember(own, identity) for layer, own in zip(layers, pending, strict=True)]
        )

    def decode(self, decoder_input: Tensor, features: Features) -> Tensor:
        """1 x 11 logits at 1/4 of the image, background first; also for objects that are not there."""
        logits: Tensor = self.decoder(decoder_input, *features[:3])
        return logits

    def _decoder_input(self, embedding: Tensor, layers: list[Tensor]) -> Tensor:
        maps = [map_of(tokens, _size(embedding)) for tokens in layers]
        return maps[-1] if self.gated else torch.cat((embedding, *maps), dim=1)


def _size(x: Tensor) -> tuple[int, int]:
    height, width = x.shape[-2:]
    return height, width
