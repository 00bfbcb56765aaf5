"""The published configurations, whole: pseudo-random weights take the way of the published ones."""

from pathlib import Path

import onnx
import pytest
from safetensors import safe_open

from trt_anime.export import checkpoints, graphs
from trt_anime.export.catalogue import get
from trt_anime.export.detect.synthetic import synthetic_checkpoint
from trt_anime.stage import StageInfo


@pytest.mark.stress
@pytest.mark.parametrize(("name", "millions"), [("grounding-dino-tiny", 172), ("grounding-dino-base", 232)])
def test_in_full_size(name: str, millions: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    synthetic_checkpoint(get(name), tmp_path / "mine.safetensors", seed=1)
    with safe_open(tmp_path / "mine.safetensors", "pt") as file:
        assert "model.decoder.layers.5.encoder_attn.sampling_offsets.weight" in set(file.keys())
    assert (tmp_path / "mine.safetensors").stat().st_size // 4_000_000 == millions
    checkpoints.import_file(get(name), tmp_path / "mine.safetensors")
    made = graphs.export(name)
    prompt, detect = made.graphs
    assert prompt.difference and prompt.difference.maximum < 1e-4
    assert detect.difference and detect.difference.p99 < 1e-4
    model = onnx.load(detect.path)
    info = StageInfo.from_metadata(
        {entry.key: entry.value for entry in model.metadata_props}, source=detect.path
    )
    assert info.network_size == (750, 1333)
    boxes, scores, tokens = (value.type.tensor_type.shape.dim[1:] for value in model.graph.output)
    assert [dim.dim_value for dim in (*boxes, *scores, *tokens)] == [900, 4, 900, 900, 256]
