"""Encoders of `transformers` as plain modules with one input and one output, for a fixed size of picture.

What depends on sizes only (position codes for that size, the mask that hides later words) is computed once
here instead of in every run of the graph.
"""

from typing import Any

import torch
from torch import Tensor, nn

HIDDEN = -1e4  # added to what must not be seen; e to its power is 0, and FP16 holds it


class ClipPicture(nn.Module):
    """image float32 [B,3,side,side] -> embedding float32 [B,D], not normalised."""

    def __init__(self, clip: Any) -> None:
        """`clip`: the library's CLIPModel."""
        super().__init__()
        self.tokens = PatchTokens(clip.vision_model.embeddings, clip.config.vision_config.image_size)
        self.vision, self.projection = clip.vision_model, clip.visual_projection

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.vision.pre_layrnorm(self.tokens(image))
        for layer in self.vision.encoder.layers:
            tokens = layer(tokens, None)
        result: Tensor = self.projection(self.vision.post_layernorm(tokens[:, 0]))
        return result


class PatchTokens(nn.Module):
    """image float32 [B,3,side,side] -> tokens float32 [B,1+patches,C]: CLIP's embeddings and CLIPSeg's."""

    def __init__(self, embeddings: Any, side: int) -> None:
        super().__init__()
        self.first, self.patches = embeddings.class_embedding, embeddings.patch_embedding
        self.codes = _codes(embeddings, side, embeddings.patch_size, embeddings.embed_dim)

    def forward(self, image: Tensor) -> Tensor:
        patches = self.patches(image).flatten(2).transpose(1, 2)
        return torch.cat([self.first.expand(image.shape[0], 1, -1), patches], 1) + self.codes


class ClipText(nn.Module):
    """ids int32 [N,context] -> embedding float32 [N,D], not normalised.

    What is behind the first end token of a row doesn't matter. A position is picked by a product, where an
    index would need a gather.
    """

    def __init__(self, text_model: Any, projection: Any, *, end: int) -> None:
        super().__init__()
        self.text, self.projection, self.end = text_model, projection, end
        context = text_model.embeddings.position_embedding.num_embeddings
        later = torch.full((context, context), HIDDEN).triu(1)
        self.mask = nn.Buffer(later[None, None], persistent=False)
        self.countdown = nn.Buffer(torch.arange(context, 0, -1.0), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        embeddings = self.text.embeddings
        tokens = embeddings.token_embedding(ids) + embeddings.position_embedding.weight
        for layer in self.text.encoder.layers:
            tokens = layer(tokens, self.mask)
        # The first end token has the highest number; without one, as in the library, the first token has.
        rank = (ids == self.end).to(tokens.dtype) * ids.shape[1] + self.countdown
        first = (rank == rank.amax(1, keepdim=True)).to(tokens.dtype)
        pooled = torch.matmul(first[:, None], self.text.final_layer_norm(tokens))[:, 0]
        result: Tensor = self.projection(pooled)
        return result


class DinoPicture(nn.Module):
    """image float32 [B,3,side,side] -> embedding float32 [B,D]: the class token, not normalised."""

    def __init__(self, dino: Any, side: int) -> None:
        """`dino`: the library's Dinov2Model."""
        super().__init__()
        embeddings = dino.embeddings
        self.codes = _codes(embeddings, side, dino.config.patch_size, dino.config.hidden_size)
        self.first, self.patches = embeddings.cls_token, embeddings.patch_embeddings
        self.dino = dino

    def forward(self, image: Tensor) -> Tensor:
        first = self.first.expand(image.shape[0], -1, -1)
        tokens = torch.cat([first, self.patches(image)], 1) + self.codes
        for layer in self.dino.encoder.layer:
            tokens = layer(tokens)
        result: Tensor = self.dino.layernorm(tokens)[:, 0]
        return result


def _codes(embeddings: Any, side: int, patch: int, width: int) -> nn.Buffer:
    """Where each patch is: float32 [1,1+patches,width], as the library interpolates it for that side."""
    like_tokens = torch.empty(1, (side // patch) ** 2 + 1, width)
    with torch.no_grad():
        codes = embeddings.interpolate_pos_encoding(like_tokens, side, side)
    return nn.Buffer(codes.detach().clone(), persistent=False)
