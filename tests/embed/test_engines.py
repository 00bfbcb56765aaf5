"""The graphs are engines everywhere, and lose little in FP16."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.embed.pieces import Small, cosines, pictures, rows_of_ids
from tests.engines.building import built
from tests.engines.calibrated import typed_bytes
from tests.onnx_sessions import arrays
from trt_anime.engines.manifest import Precision
from trt_anime.engines.specialise import specialised
from trt_anime.export.check import session_of

pytest.importorskip("tensorrt_rtx")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("network", "stage", "capability", "precision"),
    [
        ("clip", "embed", 75, "fp16"),
        ("clip", "embed_text", 75, "fp16"),
        ("clip", "embed_text", 120, "fp32"),
        ("dino", "embed", 89, "fp32"),
    ],
)
def test_it_builds(
    request: pytest.FixtureRequest, network: str, stage: str, capability: int, precision: Precision
) -> None:
    small: Small = request.getfixturevalue(network)
    manifest = built(small.paths[stage], capability, precision)
    assert manifest.recipe.stage == stage
    kind = {"fp16": "float16", "fp32": "float32"}[precision]
    assert manifest.product_precision == {kind: 1.0}


def test_in_fp16_the_vectors_point_the_same_way(clip: Small, dino: Small) -> None:
    feeds: dict[str, dict[str, Any]] = {
        "embed": {"frame": pictures(360, 640)},
        "embed_text": {"ids": rows_of_ids()},
    }
    for small in (clip, dino):
        for stage, path in small.paths.items():
            typed = onnx.load_from_string(typed_bytes(path.read_bytes(), "fp16", "tensorrt"))
            found = arrays(session_of(typed), feeds[stage])[0]
            assert np.isfinite(found).all()
            assert cosines(found, small.run(stage, **feeds[stage])).min() > 0.9999


def test_at_one_size_the_matrices_of_the_resize_are_constants(clip: Small) -> None:
    fixed = specialised(clip.graphs["embed"], height=96, width=160)
    operators = Counter(node.op_type for node in fixed.graph.node)
    assert not {"Range", "Abs", "Where", "Less"} & set(operators)
    shapes = {tuple(tensor.dims) for tensor in fixed.graph.initializer}
    assert {(224, 96), (160, 224)} <= shapes
