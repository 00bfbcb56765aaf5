"""Do the graphs compute what the library computes? Asked without all weights in memory at once."""

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray

from trt_anime.export.caption.reference import bare_network, pictures
from trt_anime.export.caption.streamed import stream_weights
from trt_anime.export.caption.weights import Checkpoint
from trt_anime.export.catalogue import Model
from trt_anime.export.check import Difference, Tolerance, check_difference, difference_of
from trt_anime.export.recipes.caption import Captioning

Arrays = dict[str, NDArray[Any]]

# Two orders of the same sums, through up to 50 layers; a wrong weight or mask shows by whole units.
VALUES = Tolerance(p99=2e-3, maximum=2e-2, unit="in the picture's vectors")
LOGITS = Tolerance(p99=2e-3, maximum=2e-2, unit="in logits")


def compare_with_library(
    graphs: Mapping[str, onnx.ModelProto], weights: Path, row: Model, checkpoint: Checkpoint
) -> dict[str, Difference]:
    """Run each graph, and the library's network layer by layer, on a picture of noise and a short prompt.

    Args:
        weights: the file that the graphs call their weights.

    Raises ExportError when one differs by more than the tolerance.
    """
    recipe = row.recipe_as(Captioning)
    side, start = recipe.vision.side, recipe.decoder.start
    frame = np.random.default_rng(7).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    tokens = [start, 5, 9]
    prefix, *expected = library_results(recipe, checkpoint, frame, tokens)
    found = run(graphs["vision"], weights, {"frame": frame})["prefix"]
    results = {"vision": difference_of(found, prefix, VALUES)}
    before = run(graphs["prefill"], weights, prompt_of(recipe, prefix, tokens[:-1]))
    results["prefill"] = difference_of(before["logits"], expected[0], LOGITS)
    after = run(graphs["step"], weights, next_of(recipe, before, tokens[-1]))
    results["step"] = difference_of(after["logits"], expected[1][:, None], LOGITS)
    for difference in results.values():
        check_difference(difference, row)
    return results


def prompt_of(recipe: Captioning, prefix: NDArray[np.float32], tokens: list[int]) -> Arrays:
    """What ``prefill`` takes, for one picture."""
    padded = np.full((1, recipe.prompt), recipe.decoder.pad, np.int32)
    padded[0, : len(tokens)] = tokens
    return {"prefix": prefix, "tokens": padded, "length": np.array([len(tokens)], np.int32)}


def next_of(recipe: Captioning, read: Arrays, token: int) -> Arrays:
    """What ``step`` takes after ``prefill`` of one picture: the same token for all beams."""
    beams = (1, recipe.beams)
    feeds = {"token": np.full(beams, token, np.int32), "origin": np.zeros(beams, np.int32)}
    feeds["position"] = np.repeat(read["position"][:, None], recipe.beams, axis=1)
    for name, values in read.items():
        if name.startswith(("key_", "value_")):
            feeds[name] = np.zeros((*beams, *values.shape[1:]), values.dtype)
            feeds[name][:, 0] = values
        elif name.startswith("picture_"):
            feeds[name] = values
    return feeds


def library_results(
    recipe: Captioning, checkpoint: Checkpoint, frame: NDArray[np.uint8], tokens: list[int]
) -> list[NDArray[np.float32]]:
    """The picture's vectors, the logits behind all tokens but the last, and those behind the last."""
    network: Any = bare_network(recipe)
    stream_weights(network, checkpoint)
    image, ids = pictures(torch.from_numpy(frame), recipe.vision.side), torch.tensor([tokens])
    with torch.no_grad():
        if recipe.qformer is None:
            prefix = network.vision_model(image).last_hidden_state
            logits = network.text_decoder(ids, encoder_hidden_states=prefix).logits
        else:
            prefix = network.get_image_features(image).pooler_output
            words = network.get_input_embeddings()(ids)
            logits = network.language_model(inputs_embeds=torch.cat([prefix, words], 1)).logits
    return [array.numpy() for array in (prefix, logits[:, -2], logits[:, -1])]


def run(graph: onnx.ModelProto, weights: Path, feeds: Arrays) -> Arrays:
    """All outputs by name, on a CPU.

    Weights are in memory once, as they are in the file: nothing is folded or packed beforehand. All of it
    is given back in the end.
    """
    options = ort.SessionOptions()
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(weights.parent)
    )
    session = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results = dict(zip(names, session.run(None, feeds), strict=True))
    del session
    gc.collect()
    return results
