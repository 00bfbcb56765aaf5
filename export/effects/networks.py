"""CLIPSeg for several prompts at once: a frame is looked at once, whatever is asked about it."""

from typing import Any

from torch import Tensor, nn

from trt_anime.export.embed.networks import PatchTokens


class ClipSegHeat(nn.Module):
    """image float32 [B,3,side,side], prompts float32 [P,D] -> logits float32 [B,P,side,side].

    The library repeats the picture for each prompt; here only what depends on both is computed for each
    pair. The prompt takes part from the decoder's first layer on (`conditional_layer` 0).
    """

    def __init__(self, library: Any, side: int) -> None:
        """`library`: its CLIPSegForImageSegmentation."""
        super().__init__()
        vision = library.clip.vision_model
        self.tokens, self.norm = PatchTokens(vision.embeddings, side), vision.pre_layrnorm
        self.wanted = [*library.extract_layers]
        self.layers = vision.encoder.layers[: max(self.wanted) + 1]
        self.decoder = library.decoder
        self.grid = side // vision.embeddings.patch_size

    def forward(self, image: Tensor, prompts: Tensor) -> Tensor:
        decoder, batch, count = self.decoder, image.shape[0], prompts.shape[0]
        found = self._activations(image)[::-1]
        # Of each pair of a picture and a prompt: [B,P,tokens,reduced].
        scale, offset = decoder.film_mul(prompts), decoder.film_add(prompts)
        mixed = scale[:, None] * decoder.reduces[0](found[0])[:, None] + offset[:, None]
        for number, layer in enumerate(decoder.layers):
            if number:
                mixed = mixed + decoder.reduces[number](found[number])[:, None]
            mixed = layer(mixed.flatten(0, 1), None).unflatten(0, (batch, count))
        planes = mixed.flatten(0, 1)[:, 1:].transpose(1, 2).unflatten(2, (self.grid, self.grid))
        logits: Tensor = decoder.transposed_convolution(planes)[:, 0].unflatten(0, (batch, count))
        return logits

    def _activations(self, image: Tensor) -> list[Tensor]:
        tokens, found = self.norm(self.tokens(image)), []
        for number, layer in enumerate(self.layers):
            tokens = layer(tokens, None)
            if number in self.wanted:
                found.append(tokens)
        return found
