"""A small CLIPSeg with the published rules around it."""

from tests.embed.pieces import SMALL_TEXT

DEPTH = 24
SMALL = {
    "projection_dim": DEPTH,
    "text_config": SMALL_TEXT,
    "vision_config": {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 3,  # the last one is of no use to the decoder
        "num_attention_heads": 4,
        "image_size": 224,  # as published: the codes of the positions are interpolated to 352
        "patch_size": 32,
    },
    "extract_layers": [0, 1],
    "reduce_dim": 16,
    "decoder_num_attention_heads": 4,
    "decoder_intermediate_size": 32,
    "use_complex_transposed_convolution": True,
}
