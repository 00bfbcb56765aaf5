"""Segment Anything from `transformers`, as the parts of the stage graphs.

Source paper: Kirillov et al., "Segment Anything", ICCV 2023.
"""

from typing import Any

import torch
from torch import Tensor, nn

from trt_anime.export.mask.networks import MaskNetworks, PromptTables


class Encoder(nn.Module):
    """image float32 [B,3,side,side] -> (embedding float32 [B,C,side/16,side/16],)."""

    def __init__(self, vision: Any) -> None:
        super().__init__()
        self.vision = vision
        cells = vision.config.image_size // vision.config.patch_size
        self.biases = nn.ModuleList(
            DistanceBias(layer.attn, layer.window_size or cells) for layer in vision.layers
        )
        for layer, bias in zip(vision.layers, self.biases, strict=True):
            vars(layer.attn)["get_decomposed_rel_pos"] = bias  # as a method, not as a part of it

    def forward(self, image: Tensor) -> tuple[Tensor]:
        x = self.vision.patch_embed(image) + self.vision.pos_embed
        for layer in self.vision.layers:
            x = layer(x)
        return (self.vision.neck(x),)


class DistanceBias(nn.Module):
    """What the attention adds for the distance of two cells, its tables looked up beforehand.

    The library interpolates and gathers them in every call, in operators that FP16 would round.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, attention: Any, side: int) -> None:
        super().__init__()
        for name, table in (("rows", attention.rel_pos_h), ("columns", attention.rel_pos_w)):
            looked_up = attention.get_rel_pos(side, side, table)  # query x key x channel
            self.register_buffer(name, looked_up.detach().transpose(1, 2).contiguous())
        self.side = side

    def forward(self, query: Tensor, *_: object) -> Tensor:
        """query [n,cells,d] -> [n,side,side,side,side], by the query's and the key's row and column."""
        grid = query.reshape(query.shape[0], self.side, self.side, -1)
        by_row: Tensor = grid @ self.rows
        by_column: Tensor = (grid.transpose(1, 2) @ self.columns).transpose(1, 2)
        return by_row[:, :, :, :, None] + by_column[:, :, :, None, :]


class Decoder(nn.Module):
    """embedding, prompts -> logits, quality; the first mask, as the authors use it for boxes."""

    places: Tensor
    no_mask: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.network = model.mask_decoder
        self.register_buffer("places", model.get_image_wide_positional_embeddings().detach())
        table = model.prompt_encoder.no_mask_embed.weight
        self.register_buffer("no_mask", table.detach().reshape(1, -1, 1, 1))

    def forward(self, embedding: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        batch, count = prompts.shape[:2]
        masks, quality = self.network(
            image_embeddings=for_each_prompt(embedding, count),
            image_positional_embeddings=self.places,
            sparse_prompt_embeddings=prompts.flatten(0, 1)[:, None],
            dense_prompt_embeddings=self.no_mask,
            multimask_output=False,
        )
        return masks.reshape(batch, count, *masks.shape[3:]), quality.reshape(batch, count)


def for_each_prompt(maps: Tensor, count: int) -> Tensor:
    """[B,C,h,w] -> [B*count,C,h,w]: the library's own way to say so exports to what no runtime takes."""
    return maps[:, None].expand(-1, count, -1, -1, -1).flatten(0, 1)


def networks_of(model: Any, name: str) -> MaskNetworks:
    """The parts of a `SamModel`, which goes to eval mode and computes what it computed before."""
    model.eval().requires_grad_(False)
    config = model.config.vision_config
    cells = config.image_size // config.patch_size
    kinds = torch.cat([table.weight for table in model.prompt_encoder.point_embed]).numpy()
    return MaskNetworks(
        name=name,
        encoder=Encoder(model.vision_encoder),
        decoder=Decoder(model),
        tables=PromptTables(
            frequencies=model.shared_image_embedding.positional_embedding.numpy(),
            upper=kinds[2],
            lower=kinds[3],
            stop=None,
        ),
        side=config.image_size,
        maps={"embedding": (config.output_channels, cells, cells)},
    )
