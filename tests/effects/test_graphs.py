"""`prompt` and `effects` give what the library gives, prompt by prompt."""

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional

from tests.effects.pieces import DEPTH, SMALL
from tests.embed.pieces import Small, pictures, rows_of_ids
from tests.embed.test_prepare import PUBLISHED
from trt_anime.errors import CheckpointError
from trt_anime.export.effects.published import CLIPSEG, clipseg_from_checkpoint, new_clipseg
from trt_anime.export.effects.synthetic import write_clipseg
from trt_anime.files import sha256_of
from trt_anime.limits import unbuildable
from trt_anime.stage import StageInfo


def test_the_published_size() -> None:
    """150.75 million, as the hub counts, and the part of CLIP that the library adds to no result."""
    with torch.device("meta"):
        network = new_clipseg(CLIPSEG["clipseg-rd64-refined"])
    assert sum(values.numel() for values in network.parameters()) == 150_747_746
    assert network.clip.vision_model.embeddings.num_positions == 197
    assert sum(buffer.numel() for buffer in network.buffers()) == 274  # as the hub counts, too


@pytest.mark.parametrize("size", [(360, 640), (131, 97), (352, 352)], ids=str)
def test_heat_is_the_librarys(clipseg: Small, size: tuple[int, int]) -> None:
    """With the library's own preprocessing, and one prompt at a time."""
    frames, ids = pictures(*size), rows_of_ids()[:3]
    prompts = clipseg.run("prompt", ids=ids)
    heat = clipseg.run("effects", frame=frames, prompts=prompts)
    assert heat.dtype == np.uint8 and heat.shape == (2, 3, *size)
    pixels = PUBLISHED["clipseg"](list(frames), return_tensors="pt")["pixel_values"]
    for number in range(3):
        rows = torch.from_numpy(ids[[number, number]]).long()
        with torch.no_grad():
            share = clipseg.library(pixel_values=pixels, input_ids=rows).logits.sigmoid()
        expected = functional.interpolate(share[:, None], size=size, mode="bilinear")[:, 0].numpy() * 255
        gap = np.abs(heat[:, number] - expected)
        assert np.percentile(gap, 99) < 3 and gap.mean() < 0.6, (
            gap.max(),
            np.percentile(gap, 99),
            gap.mean(),
        )
        assert np.ptp(expected) > 60  # there is something to see


def test_the_export_compared_itself(clipseg: Small) -> None:
    assert list(clipseg.differences) == ["prompt", "effects"]
    for difference in clipseg.differences.values():
        assert difference is not None and difference.passed, difference
    assert clipseg.differences["effects"].maximum <= 2  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_any_number_of_prompts(clipseg: Small, count: int) -> None:
    """Each gives what it gives alone."""
    frames = pictures(90, 160)
    prompts = np.random.default_rng(1).normal(size=(count, DEPTH)).astype(np.float32)
    together = clipseg.run("effects", frame=frames, prompts=prompts).astype(int)
    assert together.shape == (2, count, 90, 160)
    for number in range(count):
        alone = clipseg.run("effects", frame=frames[[1]], prompts=prompts[[number]]).astype(int)
        assert np.abs(together[1, number] - alone[0, 0]).max() <= 1
        if number:
            assert np.abs(together[:, number] - together[:, 0]).max() > 10


def test_prompts_are_the_librarys(clipseg: Small) -> None:
    ids = rows_of_ids()
    with torch.no_grad():
        expected = clipseg.library.get_conditional_embeddings(
            batch_size=len(ids), input_ids=torch.from_numpy(ids).long()
        ).numpy()
    np.testing.assert_allclose(clipseg.run("prompt", ids=ids), expected, rtol=1e-4, atol=1e-4)


def test_the_graphs_describe_themselves(clipseg: Small) -> None:
    rules = {"prompt": "prompts of 77 tokens at most", "effects": "stretch to 352x352"}
    for stage, path in clipseg.paths.items():
        metadata = {item.key: item.value for item in onnx.load(path).metadata_props}
        assert StageInfo.from_metadata(metadata, source=path) == StageInfo(
            stage=stage,
            model="clipseg",
            checkpoint_sha256=sha256_of(clipseg.checkpoint),
            licence="",
            size_rule=rules[stage],
            output_ranges={"heat": (0, 255)} if stage == "effects" else {},
            network_size=(352, 352) if stage == "effects" else None,
            capacity={"prompts": 8} if stage == "effects" else {},
        )


def test_the_graphs_can_be_built_and_typed(clipseg: Small) -> None:
    for graph in clipseg.graphs.values():
        onnx.checker.check_model(graph, full_check=True)
        assert unbuildable(graph) == []
        products = [node.name for node in graph.graph.node if node.op_type in ("MatMul", "Gemm", "Conv")]
        assert products and all(name.startswith("net/") for name in products)
    shapes = {
        f"{stage}.{value.name}": [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for stage, graph in clipseg.graphs.items()
        for value in (*graph.graph.input, *graph.graph.output)
    }
    assert shapes == {
        "prompt.ids": ["batch", 77],
        "prompt.prompts": ["batch", DEPTH],
        "effects.frame": ["batch", "height", "width", 3],
        "effects.prompts": ["prompts", DEPTH],
        "effects.heat": ["batch", "prompts", "height", "width"],
    }


def test_the_published_layout_and_another_networks(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("layout") / "clipseg.safetensors"
    write_clipseg(new_clipseg(SMALL), path, seed=6)
    assert not clipseg_from_checkpoint(SMALL, path).training
    simple = {**SMALL, "use_complex_transposed_convolution": False}
    with pytest.raises(CheckpointError, match=r"CLIPSegForImageSegmentation: 'decoder.transposed_convolut"):
        clipseg_from_checkpoint(simple, path)
