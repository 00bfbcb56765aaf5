"""The sensory memory: a small map per object that changes with every frame."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def updated(gates: Tensor, sensory: Tensor) -> Tensor:
    """The memory after one step.

    gates: [objects,3*C,h,w], forget, update and new value; sensory: [objects,C,h,w]. Unlike in a textbook
    GRU the new value doesn't depend on the forget gate.
    """
    forget, update, new = gates.chunk(3, dim=1)
    forget, update = torch.sigmoid(forget), torch.sigmoid(update)
    return forget * sensory * (1 - update) + update * torch.tanh(new)


class Reinforcement(nn.Module):
    """The update from a value, when a frame is memorised ("deep")."""

    def __init__(self, value: int, sensory: int) -> None:
        super().__init__()
        self.transform = nn.Conv2d(value + sensory, 3 * sensory, 3, padding=1)

    def forward(self, value: Tensor, sensory: Tensor) -> Tensor:
        """[objects,value,h,w], [objects,sensory,h,w] -> [objects,sensory,h,w]."""
        return updated(self.transform(torch.cat((value, sensory), dim=1)), sensory)


class Update(nn.Module):
    """The update from the decoder's maps, on every other frame.

    widths: channels of the maps at 1/16, 1/8 and 1/4; the last has the logits joined to it.
    """

    def __init__(self, widths: tuple[int, int, int], inner: int, sensory: int) -> None:
        super().__init__()
        self.g16_conv = nn.Conv2d(widths[0], inner, 1)
        self.g8_conv = nn.Conv2d(widths[1], inner, 1)
        self.g4_conv = nn.Conv2d(widths[2], inner, 1)
        self.transform = nn.Conv2d(inner + sensory, 3 * sensory, 3, padding=1)

    def forward(self, g16: Tensor, g8: Tensor, g4: Tensor, sensory: Tensor) -> Tensor:
        """Maps of each object and its memory -> [objects,sensory,h,w]."""
        g = self.g16_conv(g16) + self.g8_conv(F.avg_pool2d(g8, 2)) + self.g4_conv(F.avg_pool2d(g4, 4))
        return updated(self.transform(torch.cat((g, sensory), dim=1)), sensory)
