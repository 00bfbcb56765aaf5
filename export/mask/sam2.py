"""Segment Anything 2 from `transformers`, as the parts of the stage graphs.

Source paper: Ravi et al., "SAM 2: Segment Anything in Images and Videos", 2024. Only what single pictures
need: the memory of its video mode has no part in it.
"""

from typing import Any

from torch import Tensor, nn

from trt_anime.export.mask.networks import MaskNetworks, PromptTables
from trt_anime.export.mask.sam import for_each_prompt


class Encoder(nn.Module):
    """image float32 [B,3,side,side] -> embedding [B,C,side/16,side/16], f8 and f4 at an 8th and a 4th."""

    position: Tensor
    no_memory: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        backbone = model.vision_encoder.backbone
        self.patches, self.blocks, self.ends = backbone.patch_embed, backbone.blocks, backbone.stage_ends
        self.neck = model.vision_encoder.neck
        self.levels = model.vision_encoder.num_feature_levels
        self.to_f4, self.to_f8 = model.mask_decoder.conv_s0, model.mask_decoder.conv_s1
        height, width = (
            side // stride
            for side, stride in zip(backbone.config.image_size, backbone.config.patch_stride, strict=True)
        )
        # The library interpolates it anew for each picture, bicubically.
        self.register_buffer("position", backbone._get_pos_embed((height, width)).detach())
        self.register_buffer("no_memory", model.no_memory_embedding.detach().reshape(1, -1, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.patches(image) + self.position
        stages = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.ends:
                stages.append(x)
        pyramid, _ = self.neck(stages)
        embedding, f8, f4 = pyramid[-self.levels :]
        return embedding + self.no_memory, self.to_f8(f8), self.to_f4(f4)


class Decoder(nn.Module):
    """embedding, f8, f4, prompts -> logits, quality.

    The first mask, unless it is unstable: then the best of the other three, as the authors do it.
    """

    places: Tensor
    no_mask: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.network = model.mask_decoder
        self.register_buffer("places", model.get_image_wide_positional_embeddings().detach())
        table = model.prompt_encoder.no_mask_embed.weight
        self.register_buffer("no_mask", table.detach().reshape(1, -1, 1, 1))

    def forward(self, embedding: Tensor, f8: Tensor, f4: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        batch, count = prompts.shape[:2]
        masks, quality, _, _ = self.network(
            image_embeddings=for_each_prompt(embedding, count),
            image_positional_embeddings=self.places,
            sparse_prompt_embeddings=prompts.flatten(0, 1)[:, None],
            dense_prompt_embeddings=self.no_mask,
            multimask_output=False,
            high_resolution_features=[for_each_prompt(f4, count), for_each_prompt(f8, count)],
        )
        return masks.reshape(batch, count, *masks.shape[3:]), quality.reshape(batch, count)


def networks_of(model: Any, name: str) -> MaskNetworks:
    """The parts of a `Sam2Model`, which goes to eval mode and computes what it computed before."""
    model.eval().requires_grad_(False)
    prompts = model.prompt_encoder
    kinds = prompts.point_embed.weight.numpy()
    (fourth, _), (eighth, _), (sixteenth, _) = model.backbone_feature_sizes
    width = model.hidden_dim
    return MaskNetworks(
        name=name,
        encoder=Encoder(model),
        decoder=Decoder(model),
        tables=PromptTables(
            frequencies=model.shared_image_embedding.positional_embedding.numpy(),
            upper=kinds[2],
            lower=kinds[3],
            stop=prompts.not_a_point_embed.weight.numpy()[0],
        ),
        side=prompts.input_image_size,
        maps={
            "embedding": (width, sixteenth, sixteenth),
            "f8": (width // 4, eighth, eighth),
            "f4": (width // 8, fourth, fourth),
        },
    )
