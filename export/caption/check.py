"""Do the graphs compute what the library computes? Asked without all weights in memory at once."""

import gc
from dataclasses import dataclass
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
from trt_anime.export.check import Difference, Graphs, Tolerance, check_difference, difference_of
from trt_anime.export.recipes.caption import Captioning

Arrays = dict[str, NDArray[Any]]

# Two orders of the same sums, through up to 50 layers; a wrong weight or mask shows by whole units.
VALUES = Tolerance(p99=2e-3, maximum=2e-2, unit="in the picture's vectors")
LOGITS = Tolerance(p99=2e-3, maximum=2e-2, unit="in logits")


@dataclass(frozen=True, eq=False)
class Expected:
    """What the library makes of a picture of noise and a short prompt.

    Attributes:
        weights: the file that the graphs call their weights.
        frame: uint8 [1,side,side,3].
        prefix: the picture's vectors, float32 [1,n,D].
        before, after: logits behind all tokens but the last, and behind the last; float32 [1,vocabulary].
    """

    row: Model
    weights: Path
    frame: NDArray[np.uint8]
    tokens: list[int]
    prefix: NDArray[np.float32]
    before: NDArray[np.float32]
    after: NDArray[np.float32]

    def of(self, name: str, graphs: Graphs) -> Difference:
        """Of one of the graphs. Raises ExportError when it differs by more than the tolerance."""
        recipe = self.row.recipe_as(Captioning)
        if name == "vision":
            found = run(graphs[name], self.weights, {"frame": self.frame})["prefix"]
            result = difference_of(found, self.prefix, VALUES)
        else:
            read = run(graphs["prefill"], self.weights, prompt_of(recipe, self.prefix, self.tokens[:-1]))
            result = difference_of(read["logits"], self.before, LOGITS)
        if name == "step":
            after = run(graphs[name], self.weights, next_of(recipe, read, self.tokens[-1]))
            result = difference_of(after["logits"], self.after[:, None], LOGITS)
        check_difference(result, self.row)
        return result


def expected_of(row: Model, weights: Path, checkpoint: Checkpoint) -> Expected:
    """Run the library's network layer by layer."""
    recipe = row.recipe_as(Captioning)
    side = recipe.vision.side
    frame = np.random.default_rng(7).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    tokens = [recipe.decoder.start, 5, 9]
    return Expected(row, weights, frame, tokens, *library_results(recipe, checkpoint, frame, tokens))


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
