"""The small network once through the ordinary path: a published layout, imported and exported."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnxruntime import InferenceSession
from transformers import GroundingDinoForObjectDetection

from tests.detect.pieces import ARCHITECTURE, NAME, RULE, lively_network, small_row
from tests.letting_go import no_network_beside_sessions
from tests.torch_threads import one_thread as one_thread
from trt_anime.export import checkpoints, graphs
from trt_anime.export.catalogue import CATALOGUE
from trt_anime.export.check import session_of
from trt_anime.export.detect import configurations, tracing
from trt_anime.export.detect.compose import Origin, detect_graph
from trt_anime.export.detect.prepare import Widths
from trt_anime.export.detect.synthetic import published
from trt_anime.hollow import fill, hollow, weights_of

Trace = Callable[..., onnx.ModelProto]


@dataclass(frozen=True)
class Small:
    """The network, its checkpoint, and the graphs made of it: the two exported ones, and `detect` once more
    with GridSample."""

    network: GroundingDinoForObjectDetection
    checkpoint: Path
    exported: graphs.Exported
    prompt: onnx.ModelProto
    detect: onnx.ModelProto
    sampling: onnx.ModelProto
    prompt_session: InferenceSession
    detect_session: InferenceSession
    sampling_session: InferenceSession


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
        traced: list[onnx.ModelProto] = []
        patch.setattr(tracing, "onnx_from_vision", keeping(traced, tracing.onnx_from_vision))
        with no_network_beside_sessions():
            exported = graphs.export(NAME)
    prompt, detect = (onnx.load(graph.path) for graph in exported.graphs)
    row = replace(small_row(), recipe=replace(RULE, deformable_attention="grid_sample"))
    widths, origin = Widths.of(configurations.configuration("small")), Origin("0" * 64, row.licence)
    sampling = hollow(detect_graph(traced[0], row, widths, origin))
    fill(sampling, weights_of(detect))  # its own were in a file of the export
    sessions = (session_of(graph) for graph in (prompt, detect, sampling))
    return Small(network, checkpoint, exported, prompt, detect, sampling, *sessions)


def keeping(made: list[onnx.ModelProto], trace: Trace) -> Trace:
    """Tracing takes most of the time: what is traced for the export serves for the other form, too."""

    def kept(*given: Any) -> onnx.ModelProto:
        made.append(trace(*given))
        return made[-1]

    return kept
