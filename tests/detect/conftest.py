"""The small network once through the ordinary path: a published layout, imported and exported."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
import pytest
from onnxruntime import InferenceSession
from transformers import GroundingDinoForObjectDetection

from tests.detect.pieces import ARCHITECTURE, NAME, lively_network, small_row
from tests.letting_go import no_network_beside_sessions
from tests.torch_threads import one_thread as one_thread
from trt_anime.export import checkpoints, graphs
from trt_anime.export.catalogue import CATALOGUE
from trt_anime.export.check import session_of
from trt_anime.export.detect import configurations
from trt_anime.export.detect.synthetic import published


@dataclass(frozen=True)
class Small:
    """The network, its checkpoint, and the two graphs made of it."""

    network: GroundingDinoForObjectDetection
    checkpoint: Path
    exported: graphs.Exported
    prompt: onnx.ModelProto
    detect: onnx.ModelProto
    prompt_session: InferenceSession
    detect_session: InferenceSession


@pytest.fixture(scope="package", autouse=True)
def architecture() -> Iterator[None]:
    """The catalogue has the small network, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(configurations.ARCHITECTURES, "small", ARCHITECTURE)
        patch.setitem(CATALOGUE, NAME, small_row())
        yield


@pytest.fixture(scope="package")
def small(architecture: None, tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("detect")
    network = lively_network()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRT_ANIME_HOME", str(folder / "home"))
        published(network, folder / "mine.safetensors")
        checkpoint = checkpoints.import_file(CATALOGUE[NAME], folder / "mine.safetensors")
        with no_network_beside_sessions():
            exported = graphs.export(NAME)
    models = [onnx.load(graph.path) for graph in exported.graphs]
    prompt, detect = models
    return Small(network, checkpoint, exported, prompt, detect, session_of(prompt), session_of(detect))
