"""What the graphs say of themselves, and what they compute beside the library's captions."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.caption.small import NAMES, RECIPES, WEIGHTS, checkpoint, frames_of, graphs_in
from trt_anime.export.caption.check import inputs_of, prompt_of, run
from trt_anime.limits import sm75_needs_fp16, unbuildable
from trt_anime.stage import StageInfo


@pytest.mark.parametrize("name", NAMES)
def test_graphs_describe_themselves_and_share_a_file(name: str, tmp_path: Path) -> None:
    graphs_in(tmp_path, name, checkpoint(name, tmp_path))
    for stage in ("vision", "prefill", "step"):
        path = tmp_path / f"{stage}.onnx"
        onnx.checker.check_model(str(path), full_check=True)
        model = onnx.load(path, load_external_data=False)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        info = StageInfo.from_metadata(metadata, source=path)
        assert (info.stage, info.model, info.precision) == (stage, name, "fp32")
        kept = [t for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
        assert {entry.value for t in kept for entry in t.external_data if entry.key == "location"} == {
            WEIGHTS
        }
        assert all(node.name.startswith(("net/", "pre/")) for node in model.graph.node)
        assert not unbuildable(model)
        assert path.stat().st_size < 100_000


@pytest.mark.parametrize("name", NAMES)
def test_a_matrix_is_kept_once(name: str, tmp_path: Path) -> None:
    weights = checkpoint(name, tmp_path, dtype="float32")
    graphs_in(tmp_path, name, weights)
    sizes = sum(int(np.prod(weights.shape(tensor))) * 4 for tensor in weights.names)
    padding = 4096 * len(weights.names)
    assert sizes <= (tmp_path / WEIGHTS).stat().st_size <= sizes + padding


@pytest.mark.parametrize("name", NAMES)
def test_fp16_products_change_little(name: str, tmp_path: Path) -> None:
    weights, results = checkpoint(name, tmp_path), {}
    recipe = RECIPES[name]
    for precision in ("fp32", "fp16"):
        graphs = graphs_in(tmp_path, name, weights, precision=precision)
        file = tmp_path / WEIGHTS
        prefix = run(graphs["vision"], file, {"frame": frames_of(recipe, 1)})["prefix"]
        read = run(graphs["prefill"], file, prompt_of(recipe, prefix, [recipe.decoder.start, 5]))
        feeds = {key: read[key] for key in inputs_of(graphs["step"]) if key in read}
        feeds |= {"token": np.array([9], np.int32), "origin": np.zeros(1, np.int32)}
        results[precision] = prefix, read["logits"], run(graphs["step"], file, feeds)["logits"]
        if precision == "fp16":
            assert not any(sm75_needs_fp16(graph) for graph in graphs.values())
            assert read["key_0"].dtype == np.float16
    gaps = [np.abs(a - b).max() for a, b in zip(results["fp32"], results["fp16"], strict=True)]
    assert 0 < max(gaps) < 0.03  # values are of the order of 3, logits of 6


def test_a_step_goes_on_from_the_rows_it_is_told(tmp_path: Path) -> None:
    name = "blip-base"
    recipe, graphs = RECIPES[name], graphs_in(tmp_path, name, checkpoint(name, tmp_path))
    weights = tmp_path / WEIGHTS
    prefix = np.random.default_rng(0).standard_normal((1, *recipe.prefix)).astype(np.float32)
    reads = [run(graphs["prefill"], weights, prompt_of(recipe, prefix, [2, token])) for token in (5, 9)]
    picture = {key: value for key, value in reads[0].items() if key.startswith("picture_")}
    both = {
        key: np.concatenate([read[key] for read in reads])
        for key in inputs_of(graphs["step"])
        if key in reads[0] and key not in picture
    }
    ids = {"token": np.array([11, 12], np.int32), "origin": np.array([1, 0], np.int32)}
    found = run(graphs["step"], weights, {**both, **picture, **ids})
    for row, (token, read) in enumerate(zip((11, 12), reversed(reads), strict=True)):
        feeds = {key: read[key] for key in both}
        alone = {"token": np.array([token], np.int32), "origin": np.zeros(1, np.int32)}
        expected = run(graphs["step"], weights, {**feeds, **picture, **alone})
        np.testing.assert_allclose(found["logits"][row], expected["logits"][0], atol=1e-5)
        np.testing.assert_array_equal(found["new_key_1"][row, :, 4:], 0)  # behind the prompt's room
