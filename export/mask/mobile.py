"""MobileSAM, our own network, as the parts of the stage graphs."""

import torch
from torch import Tensor, nn

from trt_anime.export.mask.networks import MaskNetworks, PromptTables
from trt_anime.export.networks.mobile_sam.network import STRIDE, MobileSam


class Encoder(nn.Module):
    """image float32 [B,3,side,side] -> (embedding float32 [B,C,side/16,side/16],)."""

    def __init__(self, network: MobileSam) -> None:
        super().__init__()
        self.network = network.image_encoder

    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self.network(image),)


class Decoder(nn.Module):
    """embedding, prompts -> logits, quality; where the cells lie is no longer computed but known."""

    places: Tensor
    no_mask: Tensor

    def __init__(self, network: MobileSam) -> None:
        super().__init__()
        self.network = network.mask_decoder
        self.register_buffer("places", network.places().detach())
        self.register_buffer(
            "no_mask", network.prompt_encoder.no_mask_embed.weight.detach()[0, :, None, None]
        )

    def forward(self, embedding: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        logits, quality = self.network(embedding + self.no_mask, prompts, self.places)
        return logits, quality


def networks_of(network: MobileSam, name: str) -> MaskNetworks:
    """The parts of a network, which goes to eval mode."""
    network.eval().requires_grad_(False)
    cells = network.shape.side // STRIDE
    return MaskNetworks(
        name=name,
        encoder=Encoder(network),
        decoder=Decoder(network),
        tables=_tables(network),
        side=network.shape.side,
        maps={"embedding": (network.shape.encoder.output, cells, cells)},
    )


def _tables(network: MobileSam) -> PromptTables:
    prompts = network.prompt_encoder
    kinds = torch.cat(list(prompts.point_embeddings.parameters())).numpy()
    return PromptTables(
        frequencies=prompts.pe_layer.positional_encoding_gaussian_matrix.numpy(),
        upper=kinds[2],
        lower=kinds[3],
        stop=None,
    )
