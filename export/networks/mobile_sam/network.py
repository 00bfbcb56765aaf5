"""The whole network, key-compatible with the published `mobile_sam.pt`."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from trt_anime.export.networks.mobile_sam.decoder import DecoderShape, MaskDecoder
from trt_anime.export.networks.mobile_sam.prompts import Prompts
from trt_anime.export.networks.mobile_sam.tinyvit import TinyVit, TinyVitShape

STRIDE = 16


@dataclass(frozen=True)
class MobileSamShape:
    """By default the published network. `side`: height and width of its square image, in pixels."""

    side: int = 1024
    encoder: TinyVitShape = field(default_factory=TinyVitShape)
    decoder: DecoderShape = field(default_factory=DecoderShape)


class MobileSam(nn.Module):
    """Encoder, prompts and decoder."""

    def __init__(self, shape: MobileSamShape) -> None:
        super().__init__()
        self.shape = shape
        self.image_encoder = TinyVit(shape.encoder)
        self.prompt_encoder = Prompts(shape.decoder.channels)
        self.mask_decoder = MaskDecoder(shape.decoder)

    def places(self) -> Tensor:
        """float32 [1,C,h,w]: where the embedding's cells lie."""
        cells = self.shape.side // STRIDE
        return self.prompt_encoder.pe_layer.grid(cells, cells)

    def forward(self, image: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """image float32 [B,3,side,side], normalised, and prompts [B,N,P,C] as `MaskDecoder` takes them."""
        embedding = self.image_encoder(image) + self.prompt_encoder.no_mask_embed.weight[0, :, None, None]
        logits, quality = self.mask_decoder(embedding, prompts, self.places())
        return logits, quality


def mobile_sam() -> MobileSam:
    """The published network."""
    return MobileSam(MobileSamShape())
