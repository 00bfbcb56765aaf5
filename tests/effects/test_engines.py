"""The graphs are engines everywhere, and lose little in FP16."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.effects.pieces import DEPTH
from tests.embed.pieces import Small, pictures, rows_of_ids
from tests.engines.building import built
from tests.engines.calibrated import typed_bytes
from tests.onnx_sessions import arrays
from trt_anime.engines.manifest import Precision
from trt_anime.engines.specialise import specialised
from trt_anime.export.check import session_of
from trt_anime.export.effects.compose import ENGINE_PROMPTS
from trt_anime.runtime.effects import in_runs

pytest.importorskip("tensorrt_rtx")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("stage", "capability", "precision"),
    [("prompt", 75, "fp16"), ("effects", 75, "fp16"), ("effects", 89, "fp32")],
)
def test_it_builds(clipseg: Small, stage: str, capability: int, precision: Precision) -> None:
    manifest = built(clipseg.paths[stage], capability, precision)
    assert manifest.recipe.stage == stage
    kind = {"fp16": "float16", "fp32": "float32"}[precision]
    assert manifest.product_precision == {kind: 1.0}


def test_an_engine_takes_a_fixed_number_of_prompts(clipseg: Small) -> None:
    fixed = specialised(clipseg.graphs["effects"], height=96, width=160)
    ends = {value.name: value for value in (*fixed.graph.input, *fixed.graph.output)}
    shapes = {
        name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for name, value in ends.items()
    }
    assert shapes == {
        "frame": ["batch", 96, 160, 3],
        "prompts": [ENGINE_PROMPTS, DEPTH],
        "heat": ["batch", ENGINE_PROMPTS, 96, 160],
    }
    frames = pictures(96, 160)
    prompts = clipseg.run("prompt", ids=rows_of_ids()[:3])
    (padded,) = in_runs(prompts, ENGINE_PROMPTS)
    heat = arrays(session_of(fixed), {"frame": frames, "prompts": padded})[0][:, :3].astype(int)
    assert np.abs(heat - clipseg.run("effects", frame=frames, prompts=prompts)).max() <= 1


def test_in_fp16_the_heat_is_nearly_the_same(clipseg: Small) -> None:
    frames, ids = pictures(360, 640), rows_of_ids()[:3]
    prompts = clipseg.run("prompt", ids=ids)
    found = {}
    for stage, feeds in (("prompt", {"ids": ids}), ("effects", {"frame": frames, "prompts": prompts})):
        typed = onnx.load_from_string(typed_bytes(clipseg.paths[stage].read_bytes(), "fp16", "tensorrt"))
        found[stage] = session_of(typed).run(None, feeds)[0]
    np.testing.assert_allclose(found["prompt"], prompts, atol=0.02 * np.abs(prompts).max())
    gap = np.abs(found["effects"].astype(int) - clipseg.run("effects", frame=frames, prompts=prompts))
    assert np.percentile(gap, 99) <= 4 and gap.mean() < 0.6, (gap.max(), gap.mean())
