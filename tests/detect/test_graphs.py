"""The two graphs against transformers: the same features, boxes and tokens, for any frame and prompt."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession
from transformers.models.grounding_dino import modeling_grounding_dino

from tests.detect.conftest import Small
from tests.detect.pieces import CANVAS, CONTEXT, NAME, PROMPTS, QUERIES, RULE, Arrays, frames
from trt_anime.export.detect.check import PROMPT, padded_ids
from trt_anime.export.detect.reference import Found, found_by_transformers
from trt_anime.files import sha256_of
from trt_anime.limits import unbuildable
from trt_anime.stage import COORDINATES, NETWORK, StageInfo

# Fills the canvas, leaves some of it empty on the right, at the bottom; no whole number of tiles.
SIZES = {"wide": (360, 640), "4:3": (120, 160), "tall": (160, 80), "film": (80, 200), "odd": (101, 173)}

# Boxes reach 1 and tokens 1; neighbouring operators and orders of sums move them by this.
TOLERANCE = 1e-4


def prompt_of(small: Small, ids: tuple[int, ...]) -> Arrays:
    found: Any = small.prompt_session.run(list(PROMPT), {"ids": padded_ids(ids, CONTEXT)})
    return dict(zip(PROMPT, found, strict=True))


def detected(session: InferenceSession, pictures: Any, prompt: Arrays) -> Arrays:
    names = ["boxes", "scores", "tokens"]
    found: Any = session.run(names, {"frame": pictures, **prompt})
    return dict(zip(names, found, strict=True))


def expected(small: Small, pictures: Any, ids: tuple[int, ...]) -> Found:
    return found_by_transformers(small.network, RULE, torch.from_numpy(pictures), ids)


def gap(found: Arrays, wanted: Found, size: tuple[int, int]) -> float:
    scale = np.array([size[1], size[0]] * 2)
    boxes = np.abs((found["boxes"] - wanted.boxes.numpy()) / scale).max()
    return float(max(boxes, np.abs(found["tokens"] - wanted.tokens.numpy()).max()))


@pytest.mark.parametrize("size", SIZES.values(), ids=list(SIZES))
def test_boxes_and_tokens(small: Small, size: tuple[int, int]) -> None:
    """In either form of deformable attention."""
    pictures, ids = frames(2, *size), PROMPTS["two"]
    wanted = expected(small, pictures, ids)
    assert float(wanted.tokens[..., : len(ids)].std()) > 0.05 and wanted.boxes.shape == (2, QUERIES, 4)
    prompt = prompt_of(small, ids)
    one, other = (
        detected(session, pictures, prompt) for session in (small.detect_session, small.sampling_session)
    )
    assert gap(one, wanted, size) < TOLERANCE
    assert gap(other, wanted, size) < TOLERANCE
    np.testing.assert_array_equal(one["scores"], one["tokens"].max(-1))


@pytest.mark.parametrize("batch", [1, 3])
def test_the_batch_is_free_and_frames_are_apart(small: Small, batch: int) -> None:
    pictures, prompt = frames(3, *SIZES["4:3"])[:batch], prompt_of(small, PROMPTS["one"])
    together = detected(small.detect_session, pictures, prompt)
    assert gap(together, expected(small, pictures, PROMPTS["one"]), SIZES["4:3"]) < TOLERANCE
    alone = detected(small.detect_session, pictures[-1:], prompt)
    np.testing.assert_allclose(together["boxes"][-1:], alone["boxes"], atol=1e-2)


@pytest.mark.parametrize("ids", PROMPTS.values(), ids=list(PROMPTS))
def test_prompts(small: Small, ids: tuple[int, ...]) -> None:
    """A padded prompt means what it means without padding."""
    pictures, length = frames(1, *SIZES["wide"]), len(ids)
    wanted, prompt = expected(small, pictures, ids), prompt_of(small, ids)
    assert np.abs(prompt["features"][:, :length] - wanted.features.numpy()).max() < 1e-5
    assert not prompt["features"][:, length:].any()
    library: Any = modeling_grounding_dino
    blocks, _ = library.generate_masks_with_special_tokens_and_transfer_map(
        torch.tensor([list(ids)]), small.network.model.special_tokens
    )
    np.testing.assert_array_equal(prompt["blocks"][:, :length, :length], blocks.numpy())
    np.testing.assert_array_equal(prompt["blocks"][0, length:], np.eye(CONTEXT, dtype=np.uint8)[length:])
    assert prompt["valid"].tolist() == [[1] * length + [0] * (CONTEXT - length)]
    assert gap(detected(small.detect_session, pictures, prompt), wanted, SIZES["wide"]) < TOLERANCE


@pytest.mark.parametrize(
    ("changed", "other"),
    [("features", "question"), ("positions", "question"), ("blocks", "question"), ("valid", "full")],
)
def test_everything_of_the_prompt_counts(small: Small, changed: str, other: str) -> None:
    """So the tolerance would tell if one of them were left out."""
    pictures, prompt = frames(1, *SIZES["wide"]), prompt_of(small, PROMPTS["two"])
    wanted = expected(small, pictures, PROMPTS["two"])
    mixed = prompt | {changed: prompt_of(small, PROMPTS[other])[changed]}
    assert gap(detected(small.detect_session, pictures, mixed), wanted, SIZES["wide"]) > 10 * TOLERANCE


def test_the_empty_part_of_the_canvas_is_masked(small: Small) -> None:
    """As transformers does with a mask of pixels; without one, it gives other boxes."""
    pictures = frames(1, *SIZES["4:3"])
    wanted = expected(small, pictures, PROMPTS["one"])
    original = small.network.forward

    def forgetful(*given: Any, pixel_mask: Any, **more: Any) -> Any:
        return original(*given, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small.network, "forward", forgetful)
        unmasked = expected(small, pictures, PROMPTS["one"])
    assert float((wanted.boxes - unmasked.boxes).abs().max()) > 1


def test_the_text_side_is_cut_out(small: Small) -> None:
    assert not any("text_backbone" in tensor.name for tensor in small.detect.graph.initializer)
    assert [value.name for value in small.detect.graph.input] == ["frame", *PROMPT]
    assert [value.name for value in small.prompt.graph.output] == list(PROMPT)


def test_descriptions(small: Small) -> None:
    prompt, detect = (info(graph.path) for graph in small.exported.graphs)
    assert (prompt.stage, detect.stage) == ("prompt", "detect")
    for one in (prompt, detect):
        assert one.model == NAME
        assert one.checkpoint_sha256 == sha256_of(small.checkpoint)
    assert detect.network_size == CANVAS and prompt.network_size is None
    assert (prompt.lowerings, detect.lowerings) == ({}, {"deformable_attention": "gather"})
    assert all(graph.difference and graph.difference.passed for graph in small.exported.graphs)


def test_the_forms_are_what_they_say(small: Small) -> None:
    operators = ("GatherND", "GridSample")
    for graph, kind, other in zip((small.detect, small.sampling), operators, operators[::-1], strict=True):
        kinds = {node.op_type for node in graph.graph.node}
        assert kind in kinds and other not in kinds
    assert info_of(small.sampling).lowerings == {"deformable_attention": "grid_sample"}


def test_engines_can_be_built_of_every_node(small: Small) -> None:
    for graph in (small.prompt, small.detect, small.sampling):
        assert unbuildable(graph) == []


def test_places_stay_in_single_precision(small: Small) -> None:
    """What leads to a sampled place, to a sine and to a box is marked; products with weights aren't."""
    products = {"MatMul", "Softmax", "GridSample", "GatherND", "LayerNormalization"}
    for graph in (small.detect.graph, small.sampling.graph):
        nodes = {name: node for node in graph.node for name in node.output}
        marked = [node for node in graph.node if COORDINATES in node.name]
        assert all(node.name.startswith(NETWORK) for node in marked)
        assert not products & {node.op_type for node in marked}
        for node in graph.node:
            if node.op_type in ("GridSample", "GatherND"):
                assert COORDINATES in nodes[node.input[1]].name
            if node.op_type in ("Sin", "Cos") and node.name.startswith(NETWORK):
                assert COORDINATES in node.name


def info(path: Path) -> StageInfo:
    return info_of(onnx.load(path))


def info_of(model: onnx.ModelProto) -> StageInfo:
    return StageInfo.from_metadata(
        {entry.key: entry.value for entry in model.metadata_props}, source=Path("it")
    )
