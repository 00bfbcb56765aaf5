"""Do the graphs compute what the library computes?"""

from typing import Any

import numpy as np

from trt_anime.export.catalogue import Model
from trt_anime.export.check import Comparison, Difference, Tolerance, Values, difference_of
from trt_anime.export.embed.check import example_frames, example_ids
from trt_anime.export.recipes.effects import Effects

# Of what is the largest in a set of prompts: they have no fixed length.
SHARES = Tolerance(p99=1e-4, maximum=5e-4, unit="of the largest value")


def comparisons_of(model: Model, library: Any) -> dict[str, Comparison]:
    """By graph: `prompt` on rows of random ids, `effects` on two frames and these prompts. Needs torch."""
    import torch

    from trt_anime.export.effects.reference import heat_of, prompts_of

    frames, recipe = example_frames(), model.recipe_as(Effects)
    ids = example_ids(recipe.context, library.config.text_config.eos_token_id)
    prompts = prompts_of(library, torch.from_numpy(ids))
    with torch.no_grad():
        heat = heat_of(library, torch.from_numpy(frames), prompts, recipe.picture).round().numpy()
    vectors = {"prompts": prompts.numpy()}
    seen = {"frame": frames, **vectors}
    return {
        "prompt": Comparison(model, "prompt", lambda _: {"ids": ids}, vectors, shares_of),
        "effects": Comparison(model, "effects", lambda _: seen, {"heat": heat}, difference_of),
    }


def shares_of(found: Values, expected: Values) -> Difference:
    """Compare two sets of prompts in shares of the largest value."""
    largest = np.abs(expected).max()
    return difference_of(found / largest, expected / largest, SHARES)
