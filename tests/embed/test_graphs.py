"""The stage graphs give the library's vectors, and keep what they say of themselves."""

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional

from tests.embed.pieces import END, SIZES, Small, cosines, pictures, rows_of_ids
from tests.embed.test_prepare import PUBLISHED
from trt_anime.export.catalogue import get
from trt_anime.files import sha256_of
from trt_anime.limits import unbuildable
from trt_anime.stage import StageInfo

SMALL_DEPTH = 24


@pytest.fixture(params=["clip-b32", "dinov2-s"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def small(name: str, request: pytest.FixtureRequest) -> Small:
    found: Small = request.getfixturevalue({"clip-b32": "clip", "dinov2-s": "dino"}[name])
    return found


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_frame_becomes_the_librarys_vector(name: str, small: Small, size: tuple[int, int]) -> None:
    """With the library's own preprocessing, too."""
    frames = pictures(*size)
    found = small.run("embed", frame=frames)
    pixels = PUBLISHED[name](list(frames), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        if name == "clip-b32":
            raw = small.library.get_image_features(pixel_values=pixels).pooler_output
        else:
            raw = small.library(pixel_values=pixels).pooler_output
    expected = functional.normalize(raw, dim=1).numpy()
    assert found.dtype == np.float16 and found.shape == expected.shape
    np.testing.assert_allclose(np.linalg.norm(found.astype(np.float64), axis=1), 1, atol=2e-3)
    assert cosines(found, expected).min() > 0.9995
    # Other pictures are further away than that, so the bound means something.
    assert cosines(found[:1], found[1:])[0] < 0.99


def test_the_export_compared_itself(small: Small) -> None:
    for difference in small.differences.values():
        assert difference is not None and difference.passed and difference.maximum < 5e-4, difference


def test_a_text_becomes_the_librarys_vector(clip: Small) -> None:
    ids = rows_of_ids()
    with torch.no_grad():
        raw = clip.library.get_text_features(input_ids=torch.from_numpy(ids).long()).pooler_output
    found = clip.run("embed_text", ids=ids)
    assert found.dtype == np.float16 and found.shape == (4, SMALL_DEPTH)
    np.testing.assert_allclose(found, functional.normalize(raw, dim=1).numpy(), atol=5e-4)
    assert cosines(found[:3], found[1:]).max() < 0.99


def test_without_an_end_the_first_token_counts_as_in_the_library(clip: Small) -> None:
    ids = rows_of_ids()[:2]
    ids[ids == END] = 7
    with torch.no_grad():
        raw = clip.library.get_text_features(input_ids=torch.from_numpy(ids).long()).pooler_output
    expected = functional.normalize(raw, dim=1).numpy()
    np.testing.assert_allclose(clip.run("embed_text", ids=ids), expected, atol=5e-4)


def test_what_is_behind_the_end_of_a_text_does_not_matter(clip: Small) -> None:
    ids = rows_of_ids()
    others = ids.copy()
    others[0, 3:], others[1, 10:30] = 7, END - 1
    np.testing.assert_array_equal(clip.run("embed_text", ids=others), clip.run("embed_text", ids=ids))
    others = ids.copy()
    others[2, 39] = (others[2, 39] + 1) % 90
    changed = (clip.run("embed_text", ids=others) != clip.run("embed_text", ids=ids)).any(axis=1)
    assert changed.tolist() == [False, False, True, False]


def test_one_by_one_is_the_same(clip: Small) -> None:
    frames, ids = pictures(120, 200), rows_of_ids()
    for number in range(2):
        alone = clip.run("embed", frame=frames[[number]])
        assert cosines(alone, clip.run("embed", frame=frames)[[number]])[0] > 0.999999
        alone = clip.run("embed_text", ids=ids[[number]])
        assert cosines(alone, clip.run("embed_text", ids=ids)[[number]])[0] > 0.999999


def test_the_graphs_describe_themselves(clip: Small, dino: Small) -> None:
    for name, small in (("clip-b32", clip), ("dinov2-s", dino)):
        for stage, path in small.paths.items():
            metadata = {item.key: item.value for item in onnx.load(path).metadata_props}
            assert StageInfo.from_metadata(metadata, source=path) == StageInfo(
                stage=stage,
                model=name,
                checkpoint_sha256=sha256_of(small.checkpoint),
                licence="",
                size_rule={
                    "embed_text": "texts of 77 tokens at most",
                    "embed": get(name).recipe.facts()[0][1],
                }[stage],
                output_ranges={"embedding": (-1, 1)},
                network_size=(224, 224) if stage == "embed" else None,
            )


def test_the_graphs_can_be_built_and_typed(clip: Small, dino: Small) -> None:
    for graph in (*clip.graphs.values(), *dino.graphs.values()):
        onnx.checker.check_model(graph, full_check=True)
        assert unbuildable(graph) == []
        products = [node.name for node in graph.graph.node if node.op_type in ("MatMul", "Gemm", "Conv")]
        assert products and all(name.startswith("net/") for name in products)
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for graph in clip.graphs.values()
        for value in (*graph.graph.input, *graph.graph.output)
    }
    assert shapes == {
        "frame": ["batch", "height", "width", 3],
        "ids": ["batch", 77],
        "embedding": ["batch", SMALL_DEPTH],
    }
