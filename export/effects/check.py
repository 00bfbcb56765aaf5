"""Do the graphs compute what the library computes?"""

from typing import Any

import numpy as np
import onnx

from trt_anime.export.catalogue import Model
from trt_anime.export.check import Difference, Tolerance, check_difference, difference_of, run
from trt_anime.export.embed.check import example_frames, example_ids
from trt_anime.export.recipes.effects import Effects

# Of what is the largest in a set of prompts: they have no fixed length.
SHARES = Tolerance(p99=1e-4, maximum=5e-4, unit="of the largest value")


def compare_heat(graph: onnx.ModelProto, model: Model, library: Any) -> Difference:
    """Run `effects` and the library on two frames and three prompts. Needs torch.

    Raises ExportError when they differ by more than the tolerance.
    """
    import torch

    from trt_anime.export.effects.reference import heat_of, prompts_of

    frames, recipe = example_frames(), model.recipe_as(Effects)
    ids = example_ids(recipe.context, library.config.text_config.eos_token_id)
    prompts = prompts_of(library, torch.from_numpy(ids))
    with torch.no_grad():
        expected = heat_of(library, torch.from_numpy(frames), prompts, recipe.picture).round().numpy()
    found = run(graph, {"frame": frames, "prompts": prompts.numpy()}).astype(np.float32)
    result = difference_of(found, expected)
    check_difference(result, model)
    return result


def compare_prompts(graph: onnx.ModelProto, model: Model, library: Any) -> Difference:
    """Run `prompt` and the library on rows of random ids. Raises as `compare_heat`."""
    import torch

    from trt_anime.export.effects.reference import prompts_of

    ids = example_ids(model.recipe_as(Effects).context, library.config.text_config.eos_token_id)
    expected = prompts_of(library, torch.from_numpy(ids)).numpy()
    largest = np.abs(expected).max()
    found = run(graph, {"ids": ids}).astype(np.float32)
    result = difference_of(found / largest, expected / largest, SHARES)
    check_difference(result, model)
    return result
