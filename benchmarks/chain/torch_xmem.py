"""XMem as a plain PyTorch loop: one frame after another, memory in tensors that are joined as it grows.

What is memorised, read and condensed when is the published inference loop's, for objects that are all given
with the first frame. A long-term memory that is full isn't thinned: nobody's clip here is that long.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from trt_anime.errors import InputError
from trt_anime.export.catalogue import Model
from trt_anime.export.networks.loading import load_checkpoint
from trt_anime.export.networks.xmem.constants import MEAN, STD
from trt_anime.export.networks.xmem.memory import affinity, readout, similarity
from trt_anime.export.networks.xmem.network import Encoded, XMem, aggregated, full_size
from trt_anime.export.recipes.temporal import Tracking
from trt_anime.export.temporal.xmem.sizes import MemoryProfile
from trt_anime.runtime.characters.found import Frame, Ids, Matte
from trt_anime.runtime.characters.propagation import Followed, certainty
from trt_anime.runtime.temporal.xmem.options import MemoryOptions


@dataclass
class Cells:
    """Memory cells as columns.

    Attributes:
        key, selection: [C,N]. shrinkage: [1,N]. value: [objects,V,N].
        used: [N], what reads made of each cell. life: [N], how many reads there were since it is there.
    """

    key: Tensor
    shrinkage: Tensor
    selection: Tensor
    value: Tensor
    used: Tensor = field(init=False)
    life: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.used = self.key.new_zeros(self.size)
        self.life = self.key.new_full((self.size,), 1e-7)

    @property
    def size(self) -> int:
        return self.key.shape[1]


class TorchXMem:
    """Follows objects through one clip after another.

    Args:
        network: in eval mode, on `device`.
        profile: sizes of frames and memory.
    """

    def __init__(
        self,
        network: XMem,
        profile: MemoryProfile,
        options: MemoryOptions | None = None,
        *,
        device: torch.device | None = None,
    ) -> None:
        self._network, self._profile, self._options = network, profile, options or MemoryOptions()
        self._device = device or torch.device("cpu")
        self._mean, self._std = (
            torch.tensor(x, device=self._device).reshape(1, 3, 1, 1) for x in (MEAN, STD)
        )

    def start(self, frame: Tensor, mask: Tensor, objects: int) -> Tensor:
        """Forget everything, and begin with a frame whose objects are known; returns what is remembered.

        Args:
            frame: uint8 [1,H,W,3] RGB.
            mask: uint8 [1,H,W], numbers of the objects, from 1 to `objects`.
        """
        profile = self._profile
        small = nn.functional.interpolate(mask[:, None].float(), profile.network_size, mode="nearest-exact")
        padded = nn.functional.pad(small, self._padding())
        numbers = torch.arange(1, objects + 1, device=self._device).reshape(-1, 1, 1, 1)
        probability = aggregated((padded == numbers).float()).softmax(0)[1:]
        self._work: list[Cells] = []
        self._long: list[Cells] = []
        self._time = self._memorised = 0
        height, width = profile.grid
        self._sensory = torch.zeros(
            objects, self._network.shape.sensory, height, width, device=self._device
        )
        image = self._image(frame)
        self._memorise(image, self._network.encode_key(image), probability)
        return probability

    def step(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """The next frame, uint8 [1,H,W,3]: labels uint8 [1,H,W], probability float32 [objects,1,h,w]."""
        self._time += 1
        image = self._image(frame)
        encoded = self._network.encode_key(image)
        read = self._read(encoded)
        logits, self._sensory = self._network.decode(
            encoded.f16, encoded.f8, encoded.f4, read, self._sensory
        )
        shares = aggregated(torch.sigmoid(full_size(logits))).softmax(0)
        if self._time - self._memorised >= self._options.memorise_every:
            self._memorise(image, encoded, shares[1:])
        return self._labels(shares), shares[1:]

    def _read(self, encoded: Encoded) -> Tensor:
        cells = [*self._long, *self._work]
        key, selection = (tensor[0].flatten(1) for tensor in (encoded.key, encoded.selection))
        near = similarity(
            torch.cat([each.key for each in cells], 1),
            key,
            shrinkage=torch.cat([each.shrinkage for each in cells], 1),
            selection=selection,
        )
        affine = affinity(near, top_k=min(self._profile.top_k, len(near)))
        used = torch.split(affine.sum(1), [each.size for each in cells])
        for each, more in zip(cells, used, strict=True):
            each.used = each.used + more
            each.life += 1
        value = torch.cat([each.value for each in cells], 2)
        return readout(affine, value).reshape(*value.shape[:2], *self._profile.grid)

    def _memorise(self, image: Tensor, encoded: Encoded, probability: Tensor) -> None:
        value, self._sensory = self._network.encode_value(image, encoded.f16, self._sensory, probability)
        key, shrinkage, selection = (
            tensor[0].flatten(1) for tensor in (encoded.key, encoded.shrinkage, encoded.selection)
        )
        self._work.append(Cells(key, shrinkage, selection, value.flatten(2)))
        self._memorised = self._time
        if len(self._work) == self._profile.work_frames:
            self._consolidate()

    def _consolidate(self) -> None:
        """All frames but the first and the newest become prototypes, those cells that were worth most."""
        profile = self._profile
        end = len(self._work) - self._options.keep_frames + 1
        old = self._work[1:end]
        key, shrinkage, selection, value = (
            torch.cat([getattr(each, name) for each in old], -1)
            for name in ("key", "shrinkage", "selection", "value")
        )
        worth = torch.cat([each.used / each.life for each in old])
        best = worth.argsort(descending=True, stable=True)[: profile.prototypes]
        near = similarity(key, key[:, best], shrinkage=shrinkage, selection=selection[:, best])
        affine = affinity(near, top_k=None)
        self._long.append(
            Cells(key[:, best], shrinkage @ affine, selection[:, best], readout(affine, value))
        )
        if sum(each.size for each in self._long) > profile.long_cells:
            raise InputError(
                f"the PyTorch loop of XMem thins no long-term memory, and all {profile.long_cells} cells"
                " are full; take fewer frames"
            )
        self._work = [self._work[0], *self._work[end:]]

    def _image(self, frame: Tensor) -> Tensor:
        """The network's input."""
        height, width = self._profile.network_size
        planes = frame.permute(0, 3, 1, 2).float()
        # Whole numbers of pixels are averaged, as the graphs do it, so that both see the same picture.
        most = frame.shape[1] // height
        box = max(n for n in range(1, most + 1) if not any(side % n for side in frame.shape[1:3]))
        averaged = nn.functional.avg_pool2d(planes, box)
        small = nn.functional.interpolate(averaged, (height, width), mode="bilinear")
        return nn.functional.pad((small / 255 - self._mean) / self._std, self._padding())

    def _labels(self, shares: Tensor) -> Tensor:
        """Of who is likeliest at each pixel of the frame; `shares` has the background first."""
        profile = self._profile
        (top, left, _, _), (height, width) = profile.margins, profile.network_size
        seen = shares[:, :, top : top + height, left : left + width]
        full = nn.functional.interpolate(seen, (profile.height, profile.width), mode="bilinear")
        return full.argmax(0).to(torch.uint8)

    def _padding(self) -> tuple[int, int, int, int]:
        top, left, bottom, right = self._profile.margins
        return left, right, top, bottom


class TorchPropagator:
    """See `Propagator`; for one shot at a time, whose characters are all given with the first frame.

    Attributes:
        size: (height, width) of the frames.
    """

    most = 255

    def __init__(self, loop: TorchXMem, size: tuple[int, int], device: torch.device) -> None:
        self._loop, self.size, self._device = loop, size, device

    @classmethod
    def from_checkpoint(cls, model: Model, file: Path, device: torch.device) -> Self:
        """Raises CheckpointError: the file holds something else."""
        recipe = model.recipe_as(Tracking)
        network = XMem().eval().requires_grad_(False)
        load_checkpoint(network, file)
        profile = MemoryProfile(height=recipe.height, width=recipe.width, short_side=recipe.short_side)
        loop = TorchXMem(network.to(device), profile, device=device)
        return cls(loop, (recipe.height, recipe.width), device)

    def start(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """See `Propagator.start`; ids are 1, 2... without a gap."""
        self._loop.start(self._to(frame), self._to(ids), int(ids.max()))

    def step(self, frame: Frame, matte: Matte | None) -> Followed:
        """See `Propagator.step`."""
        labels, probability = self._loop.step(self._to(frame))
        return Followed(labels[0].cpu().numpy(), certainty(probability[:, 0].cpu().numpy()))

    def add(self, frame: Frame, ids: Ids, matte: Matte | None = None) -> None:
        """Raises InputError: this loop takes no masks on the way."""
        raise InputError("the PyTorch loop of XMem takes masks with the first frame only")

    def _to(self, array: Frame) -> Tensor:
        return torch.from_numpy(array[None]).to(self._device)
