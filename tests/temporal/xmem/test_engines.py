"""TensorRT-RTX builds each graph for three generations, with no GPU here."""

from pathlib import Path

import onnx
import pytest

from tests.engines.building import built
from trt_anime.engines.manifest import Manifest, Precision, Profile
from trt_anime.errors import EngineError
from trt_anime.export.temporal.xmem.compose import OUTPUTS, xmem_graphs
from trt_anime.export.temporal.xmem.networks import Networks
from trt_anime.export.temporal.xmem.sizes import MemoryProfile

pytest.importorskip("tensorrt_rtx")

# To be shrunk, padded and brought back to the frame's size.
MEMORY = MemoryProfile(height=70, width=100, short_side=48, work_frames=4, long_cells=60, prototypes=10)


@pytest.fixture(scope="module")
def graphs(small_networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("graphs")
    made = xmem_graphs(small_networks, MEMORY, checkpoint_sha256="0" * 64, licence="MIT")
    for stage, graph in made.items():
        onnx.save(graph, folder / f"{stage}.onnx")
    return {stage: folder / f"{stage}.onnx" for stage in made}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path))


def engine(path: Path, capability: int, precision: Precision) -> Manifest:
    profile = Profile(height=MEMORY.height, width=MEMORY.width, max_batch=4)
    return built(path, capability, precision, profile)


@pytest.mark.parametrize(("capability", "precision"), [(75, "fp16"), (89, "fp32"), (120, "fp16")])
@pytest.mark.parametrize("stage", OUTPUTS)
def test_builds(stage: str, capability: int, precision: Precision, graphs: dict[str, Path]) -> None:
    precision = "fp32" if stage == "merge" else precision  # it has no network that could be anything else
    found = engine(graphs[stage], capability, precision).layer_precision
    assert found
    assert bool(found.get("float16")) == (precision == "fp16")


@pytest.mark.parametrize("stage", ["value", "decode"])
def test_networks_build_for_sm75_in_fp32(stage: str, graphs: dict[str, Path]) -> None:
    """No matrix product in them: what is one in PyTorch is written as a 1x1 convolution."""
    assert engine(graphs[stage], 75, "fp32").layer_precision


def test_reading_for_sm75_needs_fp16(graphs: dict[str, Path]) -> None:
    with pytest.raises(EngineError, match=r"MatMul 'net/.*': sm75 has no FP32 matrix product; build"):
        engine(graphs["read"], 75, "fp32")
