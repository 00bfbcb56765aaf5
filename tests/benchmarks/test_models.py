"""The table of models is what was found, and nothing else."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from benchmarks.model_export import checkpoint_bytes
from benchmarks.model_proof import PROFILE, nearly
from benchmarks.model_weights import bring_weights
from benchmarks.models import FINDINGS, MODELS, TABLE, merged
from benchmarks.models_table import document, folded
from tests.caption.small import row as small
from trt_anime.cli.engines.build import profile_for
from trt_anime.engines.targets import targets_from_names
from trt_anime.export.caption.synthetic import published_shapes
from trt_anime.export.caption.weights import Checkpoint
from trt_anime.export.catalogue import CATALOGUE
from trt_anime.export.recipes.caption import Captioning


def engine(target: str, error: str = "") -> dict[str, object]:
    return {
        "target": target,
        "precision": "fp16",
        "build_s": 4.25,
        "size_bytes": 12_300_000,
        "error": error,
    }


def half(**changed: object) -> dict[str, object]:
    passed = {
        "metric": "relative_error",
        "value": 0.1234,
        "limit": 1.0,
        "unit": "%",
        "passed": True,
        "kept": [],
        "error": "",
    }
    return passed | changed


def test_nearly_the_same_inputs() -> None:
    frame = np.full((1, 40, 40, 3), 254, np.uint8)
    features = np.array([[1, 1 / 3, 3000.7]], np.float32)
    near = nearly({"frame": frame, "features": features, "ids": np.array([7], np.int32)})
    changed = near["frame"] != frame
    assert set(np.unique(near["frame"])) == {254, 255} and 0.05 < changed.mean() < 0.15
    assert near["features"].tolist() == [[1, float(np.float16(1 / 3)), 3000]]
    assert near["ids"].tolist() == [7] and (frame == 254).all()


def graph(name: str, **changed: object) -> dict[str, object]:
    found: dict[str, object] = {
        "name": name,
        "inputs": ["frame uint8[batch,height,width,3]"],
        "outputs": ["key float32[10,4]"],
        "parameters": 5_700_000,
        "size_bytes": 22_900_000,
        "difference": "max 1, p99 0, mean 0 of 255",
        "latency_s": 0.1234,
        "half": half(),
        "engines": [engine("rtx-sm89"), engine("rtx-sm75", error="it has no such product")],
    }
    return found | changed


FOUND = {
    "toy": {
        "model": "toy",
        "stage": "temporal",
        "licence": "MIT",
        "real": False,
        "checkpoint_bytes": 623_000_000,
        "export_s": 12.6,
        "export_memory_bytes": 1_051_000_000,
        "comparison_memory_bytes": 2_345_000_000,
        "measured": "2026-11-25T23:00Z",
        "on": "a CPU",
        "with": "versions",
        "graphs": [
            graph("key"),
            graph(
                "merge",
                half=half(passed=False, value=3.2, kept=["net/a", "net/b", "net/c", "net/d"], unrest=2.91),
            ),
        ],
    }
}


def test_each_finding_has_its_cell() -> None:
    text = document(FOUND)
    cells = "toy | temporal | MIT | random | 623.0 | 13 | 1051 | 1.7 | 2345 | 3.8 | 2026-11-25T23:00Z"
    assert f"| {cells} |\n" in text
    assert "\ntoy: a CPU. versions.\n" in text
    assert "| toy key | 5.7 | max 1, p99 0, mean 0 of 255 | 22.9 | 123 |" in text
    assert "| toy key | relative_error 0.123 % (limit 1) | none |" in text
    words = "**relative_error 3.2 % (limit 1), too far**; FP32 on nearly the same inputs: 2.91"
    assert f"| {words} | 4: a, b, c and 1 more |" in text
    built = ["it has no such product", *["–"] * 2, "4.2 / 12.3", *["–"] * 2]  # noqa: RUF001
    assert f"| toy key | fp16 | {' | '.join(built)} |" in text
    assert "**toy merge**: `frame uint8[batch,height,width,3]` → `key float32[10,4]`" in text


def test_what_differs_in_its_number_alone_is_one_entry() -> None:
    pairs = [f"{name}_{number} float32[1,4]" for number in range(12) for name in ("key", "value")]
    assert folded(["tokens int32[1]", *pairs, "length int32[1]"]) == [
        "tokens int32[1]",
        "key_0 … key_11 float32[1,4]",
        "value_0 … value_11 float32[1,4]",
        "length int32[1]",
    ]


def test_what_differs_in_more_than_a_number_is_told_apart() -> None:
    few = ["f_0 float32[1]", "f_1 float32[1]"]
    shapes = [
        "a_0 float32[1]",
        "a_1 float32[2]",
        "a_2 float16[1]",
        "f4 int64[1]",
        "f8 int64[1]",
        "f16 int64[1]",
    ]
    gap = ["b_1 int64[1]", "b_2 int64[1]", "b_4 int64[1]"]
    assert folded([*few, *shapes, *gap]) == [*few, *shapes, *gap]
    assert folded(["c_1 int64[1]", "c_2 int64[1]", "c_3 int64[1]"]) == ["c_1 … c_3 int64[1]"]


def test_engines_built_anew_take_the_place_of_the_old() -> None:
    rows = [graph("key"), graph("merge")]
    key, merge = merged({"graphs": rows, "engines": {"merge": {"engines": [], "build_cpu_s": 1}}})["graphs"]
    assert key == graph("key")
    assert merge == graph("merge", engines=[], build_cpu_s=1)


def test_the_table_is_made_of_the_findings() -> None:
    """Edited by hand, or not written again after the findings changed, it fails."""
    findings = json.loads(FINDINGS.read_text(encoding="utf-8"))
    assert TABLE.read_text(encoding="utf-8") == document(findings)
    assert findings.keys() <= CATALOGUE.keys()


def test_the_models_are_in_the_catalogue_and_in_the_table() -> None:
    assert set(MODELS) <= CATALOGUE.keys()
    assert json.loads(FINDINGS.read_text(encoding="utf-8")).keys() == set(MODELS)


def test_every_engine_of_the_table_was_built() -> None:
    """Where one can't be built, the table says why, and somebody has to mend it."""
    every = {target.name for target in targets_from_names("all")}
    for name, model in json.loads(FINDINGS.read_text(encoding="utf-8")).items():
        for found in model["graphs"]:
            built = {engine["target"] for engine in found["engines"] if not engine["error"]}
            assert built == every, f"{name} {found['name']}"


def test_engines_take_the_only_size_that_a_graph_takes(tmp_path: Path) -> None:
    for frame, size in (("height", "width"), (720, 1280)), ((1080, 1920), (1080, 1920)):
        profile = profile_for(small_graph(tmp_path / "g.onnx", *frame), PROFILE)
        assert (profile.height, profile.width, profile.max_batch) == (*size, 4)


def small_graph(path: Path, height: str | int, width: str | int) -> Path:
    """Gives its frames as they are."""
    shape = ["batch", height, width, 3]
    frames = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, shape)
        for name in ("frame", "same")
    ]
    node = onnx.helper.make_node("Identity", ["frame"], ["same"])
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", frames[:1], frames[1:])), path)
    return path


def test_random_weights_are_in_as_many_files_as_the_published_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of BLIP-2, with all of its files and next to nothing in them."""
    row = small("blip2-opt-2.7b")
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path))
    path = bring_weights(row)
    assert path.name == "model-00001-of-00002.safetensors"
    other = path.with_name("model-00002-of-00002.safetensors")
    assert checkpoint_bytes(row, path) == path.stat().st_size + other.stat().st_size
    weights = Checkpoint(path, row.name)
    assert set(weights.names) == set(published_shapes(row.recipe_as(Captioning)))
    assert bring_weights(row) == path
