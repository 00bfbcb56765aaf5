"""The layer of DeAOT: gated propagation of a visual and an identity branch that share their attention."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trt_anime.export.networks.aot.attention import WINDOW, attend, window_weights
from trt_anime.export.networks.aot.lstt import Recalled
from trt_anime.export.networks.aot.maps import DepthwiseConv, map_of

KEY_CHANNELS = 128
EXPANSION = 2  # values and gates of a branch have twice its channels


class Branches(NamedTuple):
    """n x C each; the identity branch does not exist before the first layer."""

    visual: Tensor
    identity: Tensor | None


class Waiting(NamedTuple):
    """Between the two parts of a layer: its input, its query n x 128, its gate n x 4C."""

    branches: Branches
    query: Tensor
    gate: Tensor


class GatedOutput(nn.Module):
    """What follows each attention: gate, depthwise convolution, projection to both branches."""

    dw_conv: DepthwiseConv
    projection: nn.Linear

    def add_output(self, channels: int) -> None:
        """Make the layers; called last, as the published files name them last."""
        wide = 2 * EXPANSION * channels
        self.dw_conv, self.projection = DepthwiseConv(wide), nn.Linear(wide, 2 * channels)

    def gated(self, seen: Tensor, gate: Tensor, size: tuple[int, int]) -> Tensor:
        """n x 4C values and n x 4C gates in, n x 2C out: visual, then identity."""
        projected: Tensor = self.projection(self.dw_conv(seen * gate, size))
        return projected


class LongTermPropagation(GatedOutput):
    """From all remembered frames."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.add_output(channels)

    def forward(self, state: Waiting, key: Tensor, value: Tensor, recalled: Recalled) -> Tensor:
        """T x n x 128 keys and T x n x 4C values in, n x 2C out."""
        seen = attend(state.query, key, value, 1, valid=recalled.valid)
        return self.gated(seen, state.gate, recalled.size)


class ShortTermPropagation(GatedOutput):
    """From a window of one frame, with learned embeddings of the places in it for keys."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.relative_emb_k = nn.Conv2d(KEY_CHANNELS, WINDOW * WINDOW, 1)
        self.add_output(channels)

    def forward(self, state: Waiting, key: Tensor, value: Tensor, recalled: Recalled) -> Tensor:
        """n x 128 keys and n x 4C values in, n x 2C out."""
        size = recalled.size
        relative = self.relative_emb_k(map_of(state.query, size)).flatten(2)
        weights = window_weights(state.query[None], key[None], relative, size)
        return self.gated((weights @ value[None])[0], state.gate, size)


class SelfPropagation(GatedOutput):
    """From the frame itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = EXPANSION * channels
        self.linear_QK = nn.Linear(2 * channels, KEY_CHANNELS)
        self.linear_V1, self.linear_V2 = nn.Linear(channels, wide), nn.Linear(channels, wide)
        self.linear_U1, self.linear_U2 = nn.Linear(channels, wide), nn.Linear(channels, wide)
        self.add_output(channels)

    def forward(self, visual: Tensor, identity: Tensor, size: tuple[int, int]) -> Tensor:
        """n x C and n x C in, n x 2C out: visual, then identity."""
        key = self.linear_QK(torch.cat((visual, identity), dim=-1))
        value = F.silu(torch.cat((self.linear_V1(visual), self.linear_V2(identity)), dim=-1))
        gate = F.silu(torch.cat((self.linear_U1(visual), self.linear_U2(identity)), dim=-1))
        return self.gated(attend(key, key, value, 1), gate, size)


class GatedLayer(nn.Module):
    """Long- and short-term propagation, then self propagation. State: `Branches`.

    pending: key, value, normalised identity branch (0 in the first layer), n x (128 + 3C).
    memory: key, value, identity value, n x (128 + 4C).
    """

    def __init__(self, channels: int, *, first: bool) -> None:
        super().__init__()
        self.first, self.wide = first, EXPANSION * channels
        self.norm1 = nn.LayerNorm(channels)
        self.linear_QV = nn.Linear(channels, KEY_CHANNELS + self.wide)
        self.linear_U = nn.Linear(channels, self.wide)
        if first:
            self.linear_ID_V = nn.Linear(channels, self.wide)
        else:
            self.id_norm1 = nn.LayerNorm(channels)
            self.linear_ID_V = nn.Linear(2 * channels, self.wide)
            self.linear_ID_U = nn.Linear(channels, self.wide)
        self.long_term_attn = LongTermPropagation(channels)
        self.short_term_attn = ShortTermPropagation(channels)
        self.norm2 = nn.LayerNorm(channels)
        self.id_norm2 = nn.LayerNorm(channels)
        self.self_attn = SelfPropagation(channels)
        self.pending_channels = KEY_CHANNELS + self.wide + channels
        self.memory_channels = KEY_CHANNELS + 2 * self.wide

    def begin(self, state: Branches, position: Tensor) -> tuple[Waiting, Tensor]:
        visual, identity = self.norm1(state.visual), state.identity
        key, value = self.linear_QV(visual).split((KEY_CHANNELS, self.wide), dim=-1)
        gate = F.silu(self.linear_U(visual))
        if identity is None:
            kept, identity_gate = torch.zeros_like(visual), torch.ones_like(gate)
        else:
            kept = self.id_norm1(identity)
            identity_gate = F.silu(self.linear_ID_U(kept))
        waiting = Waiting(state, key, torch.cat((gate, identity_gate), dim=-1))
        return waiting, torch.cat((key, F.silu(value), kept), dim=-1)

    def remember(self, pending: Tensor, identity: Tensor) -> Tensor:
        same, kept = pending.tensor_split((KEY_CHANNELS + self.wide,), dim=-1)
        source = identity if self.first else torch.cat((kept, identity), dim=-1)
        return torch.cat((same, F.silu(self.linear_ID_V(source))), dim=-1)

    def finish(self, state: Waiting, recalled: Recalled) -> Branches:
        widths = [KEY_CHANNELS, 2 * self.wide]
        long = self.long_term_attn(state, *torch.split(recalled.long, widths, dim=-1), recalled)
        short = self.short_term_attn(state, *torch.split(recalled.short, widths, dim=-1), recalled)
        added = _branches(long + short)
        visual = state.branches.visual + added.visual
        assert added.identity is not None
        before = state.branches.identity
        identity = added.identity if before is None else before + added.identity
        own = self.self_attn(self.norm2(visual), self.id_norm2(identity), recalled.size)
        visual_own, identity_own = own.chunk(2, dim=-1)
        return Branches(visual + visual_own, identity + identity_own)


def _branches(both: Tensor) -> Branches:
    visual, identity = both.chunk(2, dim=-1)
    return Branches(visual, identity)
