"""GroundingDINO's side of the picture: transformers' layers and weights, in an order that suits an engine.

The same as `GroundingDinoForObjectDetection.forward`, but for: the text side comes in finished; what
depends on sizes alone comes in as tables; masks are added as finite numbers, which FP16 holds; of the first
guesses, only those that are kept get a box; only the last layer's result is computed.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import GroundingDinoForObjectDetection
from transformers.models.grounding_dino.modeling_grounding_dino import (
    encode_sinusoidal_position_embedding,
)

from trt_anime.export.detect.levels import level_sizes

# Added before a softmax, it leaves exactly 0; in FP16, too, it is a number.
MASKED = -1e4

INPUTS = (
    "image",
    "inside",
    "position",
    "ratios",
    "references",
    "proposals",
    "usable",
    "text_features",
    "text_positions",
    "text_blocks",
    "text_valid",
)


class DetectNetwork(nn.Module):
    """The canvas and its tables (see `levels.Tables`) and the text -> boxes and logits."""

    def __init__(self, network: GroundingDinoForObjectDetection, canvas: tuple[int, int]) -> None:
        super().__init__()
        self.network: Any = network
        self.sizes = level_sizes(canvas, network.config.num_feature_levels)
        self.register_buffer("shapes", torch.tensor(self.sizes), persistent=False)

    def forward(
        self,
        image: Tensor,
        inside: Tensor,
        position: Tensor,
        ratios: Tensor,
        references: Tensor,
        proposals: Tensor,
        usable: Tensor,
        text_features: Tensor,
        text_positions: Tensor,
        text_blocks: Tensor,
        text_valid: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """`image` float32 [B,3,h,w]; `inside` to `usable` as in `levels.Tables`; float32, of the prompt:
        `text_features` and `text_positions` [1,T,D], `text_blocks` [1,T,T], 1 where two tokens are of one
        phrase, `text_valid` [1,T], 1 up to its end.

        Returns boxes, float32 [B,Q,4], centre and size, 0..1, and logits, float32 [B,Q,T], of every token.
        """
        cells = self._cells(image)
        text = text_features.expand(image.shape[0], -1, -1)
        hidden = (1 - text_valid) * MASKED  # [1,T]
        apart = ((1 - text_blocks) * MASKED)[:, None]
        outside = (1 - inside) * MASKED
        place = position + self._level_embeddings()
        for layer in self.network.model.encoder.layers:
            cells, text = _fused(layer.fusion_layer, cells, text, outside, hidden)
            text, _ = layer.text_enhancer_layer(text, apart, text_positions)
            cells, _ = layer.deformable_layer(
                hidden_states=cells,
                attention_mask=inside > 0.5,
                position_embeddings=place,
                reference_points=references,
                spatial_shapes=self.shapes,
                spatial_shapes_list=self.sizes,
            )
        boxes = self._first_boxes(cells, text, hidden, proposals, usable)
        return self._decoded(cells, text, boxes, inside, ratios, hidden)

    def _cells(self, image: Tensor) -> Tensor:
        """float32 [B,S,D]: the feature maps of all levels."""
        model = self.network.model
        features = list(model.backbone.conv_encoder.model(image).feature_maps)
        maps = [project(one) for project, one in zip(model.input_proj_vision, features, strict=False)]
        for level in range(len(features), len(self.sizes)):
            source = features[-1] if level == len(features) else maps[-1]
            maps.append(model.input_proj_vision[level](source))
        return torch.cat([one.flatten(2).transpose(1, 2) for one in maps], 1)

    def _level_embeddings(self) -> Tensor:
        embeddings = self.network.model.level_embed
        return torch.cat(
            [
                row.expand(height * width, -1)
                for row, (height, width) in zip(embeddings, self.sizes, strict=True)
            ]
        )

    def _first_boxes(
        self, cells: Tensor, text: Tensor, hidden: Tensor, proposals: Tensor, usable: Tensor
    ) -> Tensor:
        """[B,Q,4], 0..1: around the cells that fit some token best."""
        model = self.network.model
        objects = model.enc_output_norm(model.enc_output(cells * usable[..., None]))
        best = (objects @ text.transpose(1, 2) + hidden[:, None]).max(-1).values
        chosen = torch.topk(best, self.network.config.num_queries, dim=1).indices[..., None]
        guesses = torch.gather(proposals.expand(cells.shape[0], -1, -1), 1, chosen.expand(-1, -1, 4))
        kept = torch.gather(objects, 1, chosen.expand(-1, -1, objects.shape[-1]))
        boxes: Tensor = (model.encoder_output_bbox_embed(kept) + guesses).sigmoid()
        return boxes

    def _decoded(
        self, cells: Tensor, text: Tensor, boxes: Tensor, inside: Tensor, ratios: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        model, decoder = self.network.model, self.network.model.decoder
        states = model.query_position_embeddings.weight.expand(cells.shape[0], -1, -1)
        scale = torch.cat([ratios, ratios], -1)[:, None]
        last = len(decoder.layers) - 1
        for number, layer in enumerate(decoder.layers):
            seen = boxes[:, :, None] * scale
            waves = encode_sinusoidal_position_embedding(
                seen[:, :, 0], num_pos_feats=self.network.config.d_model // 2
            )
            (states,) = layer(
                hidden_states=states,
                position_embeddings=decoder.reference_points_head(waves),
                reference_points=seen,
                spatial_shapes=self.shapes,
                spatial_shapes_list=self.sizes,
                vision_encoder_hidden_states=cells,
                vision_encoder_attention_mask=inside > 0.5,
                text_encoder_hidden_states=text,
                text_encoder_attention_mask=hidden[:, None, None],
            )
            # The last boxes come from the normed state, those in between don't.
            source = decoder.layer_norm(states) if number == last else states
            moved = self.network.bbox_embed[number](source) + torch.special.logit(boxes, eps=1e-5)
            boxes = moved.sigmoid()
        return boxes, source @ text.transpose(1, 2)


def _fused(
    layer: Any, cells: Tensor, text: Tensor, outside: Tensor, hidden: Tensor
) -> tuple[Tensor, Tensor]:
    """`GroundingDinoFusionLayer`: cells [B,S,D] look at the text [B,T,D], and the text at them."""
    attention = layer.attn
    cells, text = layer.layer_norm_vision(cells), layer.layer_norm_text(text)

    def heads(projection: nn.Module, states: Tensor) -> Tensor:
        split: Tensor = projection(states).unflatten(-1, (attention.num_heads, attention.head_dim))
        return split.transpose(1, 2)

    query = heads(attention.vision_proj, cells) * attention.scale
    scores = query @ heads(attention.text_proj, text).transpose(2, 3)  # [B,heads,S,T]
    to_text = (scores + hidden[:, None, None]).softmax(-1)
    to_cells = (scores.transpose(2, 3) + outside[:, None, None]).softmax(-1)
    seen = (to_text @ heads(attention.values_text_proj, text)).transpose(1, 2).flatten(2)
    read = (to_cells @ heads(attention.values_vision_proj, cells)).transpose(1, 2).flatten(2)
    cells = cells + layer.vision_param * attention.out_vision_proj(seen)
    return cells, text + layer.text_param * attention.out_text_proj(read)
