"""What the graphs say of themselves, and what they compute beside the library's captions."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.caption.small import NAMES, RECIPES, WEIGHTS, checkpoint, frames_of, graphs_in
from trt_anime.export.caption.check import next_of, prompt_of, run
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
        after = run(graphs["step"], file, next_of(recipe, read, 9))
        results[precision] = prefix, read["logits"], after["logits"]
        if precision == "fp16":
            assert not any(sm75_needs_fp16(graph) for graph in graphs.values())
            assert read["key_0"].dtype == np.float16
    gaps = [np.abs(a - b).max() for a, b in zip(results["fp32"], results["fp16"], strict=True)]
    assert 0 < max(gaps) < 0.03  # values are of the order of 3, logits of 6


@pytest.mark.parametrize("name", NAMES)
def test_beams_go_on_from_the_rows_they_are_told(name: str, tmp_path: Path) -> None:
    recipe, graphs = RECIPES[name], graphs_in(tmp_path, name, checkpoint(name, tmp_path))
    weights, first = tmp_path / WEIGHTS, recipe.decoder.start
    prefix = np.random.default_rng(0).standard_normal((1, *recipe.prefix)).astype(np.float32)
    read = run(graphs["prefill"], weights, prompt_of(recipe, prefix, [first, 5]))
    feeds = next_of(recipe, read, 9)
    feeds["token"][0, :2] = 11, 12
    step = run(graphs["step"], weights, feeds)
    feeds |= {name.removeprefix("new_"): values for name, values in step.items() if name != "logits"}
    feeds |= {"token": np.full((1, recipe.beams), 8, np.int32), "position": feeds["position"] + 1}
    feeds["origin"][0, :3] = 1, 0, 1
    found = run(graphs["step"], weights, feeds)
    for beam, token in enumerate((12, 11, 12)):  # as if the whole had been the prompt
        alone = run(graphs["prefill"], weights, prompt_of(recipe, prefix, [first, 5, token, 8]))
        np.testing.assert_allclose(found["logits"][0, beam], alone["logits"][0], atol=1e-5)
    unused = found["new_key_1"][..., recipe.prefix_slots + recipe.prompt :, :]
    np.testing.assert_array_equal(unused, 0)
