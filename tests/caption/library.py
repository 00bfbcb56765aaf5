"""Captions as the library's own `generate` makes them."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trt_anime.export.caption.reference import pictures
from trt_anime.export.recipes.caption import Captioning
from trt_anime.runtime.captions.options import SearchOptions


def generated(
    network: Any, recipe: Captioning, frame: NDArray[np.uint8], prompt: list[int], options: SearchOptions
) -> tuple[int, ...]:
    """Tokens of one picture's caption, without prompt and without what ends it."""
    common: dict[str, object] = {
        "max_new_tokens": options.most,
        "num_beams": options.beams,
        "do_sample": False,
        "early_stopping": options.early,
    }
    if options.beams > 1:
        common["length_penalty"] = options.length_penalty
    image = pictures(torch.from_numpy(frame[None]), recipe.vision.side)
    if recipe.qformer is None:
        # What the model's own `generate` calls; that knows one stop token only.
        with torch.no_grad():
            seen = network.vision_model(image).last_hidden_state
        found = network.text_decoder.generate(
            torch.tensor([prompt]),
            eos_token_id=list(options.stop),
            pad_token_id=recipe.decoder.pad,
            encoder_hidden_states=seen,
            encoder_attention_mask=torch.ones(seen.shape[:2], dtype=torch.long),
            **common,
        )[0, len(prompt) :]
    else:
        picture = [recipe.decoder.vocabulary - 1] * recipe.qformer.queries
        ids = torch.tensor([picture + prompt])
        found = network.generate(image, ids, eos_token_id=list(options.stop), **common)[0, ids.shape[1] :]
    tokens = found.tolist()
    ends = [place for place, token in enumerate(tokens) if token in options.stop]
    return tuple(tokens[: ends[0]] if ends else tokens)
