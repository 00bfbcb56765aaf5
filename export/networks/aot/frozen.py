"""Batch norm whose statistics and scales are all constants: the encoders are never trained further."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class FrozenBatchNorm(nn.Module):
    """Batch norm of buffers only, without a counter of batches."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """NCHW in, NCHW of the same shape out."""
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, 1e-5
        )
