"""Do the graphs compute what the library computes?"""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.export.catalogue import Model
from trt_anime.export.check import Comparison, Tolerance, difference_of
from trt_anime.export.recipes.embed import Embedding

# FP16 rounds a component by up to 2e-4; a pixel that two resizes round to neighbouring levels adds to it.
COMPONENTS = Tolerance(p99=5e-4, maximum=2e-3, unit="of 1")


def comparison_of(name: str, model: Model, library: Any) -> Comparison:
    """Of the graph `embed` on two frames, of `embed_text` on rows of random ids. Needs torch."""
    import torch

    from trt_anime.export.embed.pytorch import end_of
    from trt_anime.export.embed.reference import picture_vectors, prepared, text_vectors

    recipe = model.recipe_as(Embedding)
    with torch.no_grad():
        if name == "embed_text":
            example: dict[str, NDArray[Any]] = {"ids": example_ids(recipe.context or 0, end_of(library))}
            vectors = text_vectors(library, torch.from_numpy(example["ids"]))
        else:
            example = {"frame": example_frames()}
            image = prepared(torch.from_numpy(example["frame"]), recipe.picture)
            vectors = picture_vectors(library, image)
    measure = partial(difference_of, tolerance=COMPONENTS)
    return Comparison(model, name, lambda _: example, {"embedding": vectors.numpy()}, measure)


def example_frames() -> NDArray[np.uint8]:
    """uint8 [2,300,420,3]: a bright shape on a noisy gradient, and mirrored."""
    rng = np.random.default_rng(11)
    y, x = np.mgrid[0:300, 0:420].astype(np.float32)
    picture = np.stack([40 + 0.5 * y, 200 - 0.4 * x, 90 + 0.3 * x], axis=-1)
    picture[np.hypot(x - 250, y - 140) < 70] = (250, 240, 120)
    picture += rng.normal(0, 9, (300, 420, 1))
    frame = np.clip(picture, 0, 255).astype(np.uint8)
    return np.stack([frame, frame[:, ::-1]])


def example_ids(context: int, end: int) -> NDArray[np.int32]:
    """int32 [3,context]: a short row, a full one, and one with something else behind its end."""
    rng = np.random.default_rng(5)
    ids = rng.integers(0, end - 1, (3, context)).astype(np.int32)
    ids[:, 0], ids[:, -1] = end - 1, end
    ids[0, context // 3 :] = end
    ids[2, context // 2] = end
    return ids
