"""Small encoders with the published rules around them, exported once, and pictures to show them."""

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from tests.letting_go import no_network_beside_sessions
from tests.matte.pieces import drawings
from trt_anime.export import checkpoints, graphs
from trt_anime.export.catalogue import get
from trt_anime.export.check import Difference, session_of

Frames = NDArray[np.uint8]

END = 99
SMALL_TEXT = {
    "vocab_size": 100,
    "max_position_embeddings": 77,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "bos_token_id": END - 1,
    "eos_token_id": END,
}
SMALL_CLIP = {
    "projection_dim": 24,
    "text_config": SMALL_TEXT,
    "vision_config": {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "image_size": 224,
        "patch_size": 28,
    },
}
SMALL_DINO = {
    "image_size": 518,  # as published: the codes of the positions are interpolated
    "patch_size": 14,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "layer_norm_eps": 1e-6,
}

# Frames as they come, upright ones, and ones that are smaller than what the network sees.
SIZES = [(360, 640), (640, 361), (97, 150), (224, 224), (720, 1280)]


@dataclass(frozen=True, eq=False)
class Small:
    """A small network that was exported through the catalogue, and the library's own."""

    library: Any
    checkpoint: Path
    graphs: dict[str, onnx.ModelProto]
    paths: dict[str, Path]
    differences: dict[str, Difference | None]
    sessions: dict[str, ort.InferenceSession]

    def run(self, name: str, **feeds: Any) -> Any:
        """The first output of a graph."""
        return self.sessions[name].run(None, feeds)[0]


def exported(
    name: str,
    published: MutableMapping[str, Any],
    small: dict[str, Any],
    write: Callable[..., None],
    new: Callable[[Any], Any],
    folder: Path,
) -> Small:
    """The catalogue's row `name` with a small network in place of the published one, file to graph.

    `published`: the table of configurations; `write`, `new`: the layout's writer, the network's maker.
    """
    row = get(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRT_ANIME_HOME", str(folder / "home"))
        patch.setitem(published, row.architecture, small)
        file = folder / f"{name}{Path(row.files[0].filename).suffix}"
        library = new(small)
        write(library, file, seed=4)
        checkpoint = checkpoints.import_file(row, file)
        with no_network_beside_sessions():
            made = graphs.export(name).graphs
        library.load_state_dict(_weights(library, seed=4))
        models = {graph.name: onnx.load(graph.path) for graph in made}
        return Small(
            library,
            checkpoint,
            models,
            {graph.name: graph.path for graph in made},
            {graph.name: graph.difference for graph in made},
            {key: session_of(model) for key, model in models.items()},
        )


def _weights(library: Any, seed: int) -> Any:
    from trt_anime.export.embed.synthetic import random_weights

    return random_weights(library, seed)


def pictures(height: int, width: int) -> Frames:
    """uint8 [2,H,W,3], unlike each other."""
    frames = drawings(2, height, width)
    frames[1] = cv2.GaussianBlur(255 - frames[1], (0, 0), 3)
    return frames


def rows_of_ids() -> NDArray[np.int32]:
    """int32 [4,77]: rows that end early, late and at the very end."""
    rng = np.random.default_rng(3)
    ids = rng.integers(0, END - 1, (4, 77)).astype(np.int32)
    ids[:, 0] = END - 1
    for number, end in enumerate((2, 9, 40, 76)):
        ids[number, end:] = END
    return ids


def cosines(a: Any, b: Any) -> NDArray[np.float64]:
    """Row by row, of vectors of any length."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    cosine: NDArray[np.float64] = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return cosine
