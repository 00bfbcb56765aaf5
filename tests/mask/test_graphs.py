"""The stage graphs compute what PyTorch and the library compute, and keep their promises."""

import numpy as np
import onnx
import pytest
import torch

from tests.mask.pieces import MODELS, SIDE, example, library_model, run, sessions, small
from trt_anime.export.check import difference_of
from trt_anime.export.mask.check import map_difference
from trt_anime.export.mask.reference import MaskReference
from trt_anime.export.recipes.mask import Masking
from trt_anime.limits import unbuildable
from trt_anime.stage import StageInfo

resize = torch.nn.functional.interpolate

# Smaller than the network's image, larger, and from four times its size on, where tiles are padded.
SIZES = [(40, 64), (75, 127), (127, 75), (180, 240), (243, 357), (60, 700), (530, 270)]


@pytest.mark.parametrize("model", MODELS)
def test_making_compares_both_graphs(model: str) -> None:
    image, mask = small(model).differences
    assert image is not None and image.maximum <= 1e-3, image
    assert mask is not None and mask.maximum <= 1, mask


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("model", MODELS)
def test_graphs_equal_the_reference(model: str, size: tuple[int, int]) -> None:
    frames, boxes = example(*size)
    found = run(model, frames, boxes)
    made = small(model)
    reference = MaskReference(made.networks, made.row.recipe_as(Masking))
    with torch.no_grad():
        maps = reference.image(torch.from_numpy(frames))
        mask, quality = reference.mask(maps, torch.from_numpy(boxes), size)
    for name, expected in zip(made.networks.maps, maps, strict=True):
        difference = map_difference(found[name], expected.numpy())
        assert difference.maximum <= 1e-3, (name, difference)
    assert found["mask"].dtype == np.uint8 and found["mask"].shape == (2, 3, *size)
    levels = difference_of(found["mask"].astype(np.float32), mask.numpy().astype(np.float32))
    assert levels.maximum <= 1 and levels.mean < 0.01, levels
    assert np.abs(found["quality"] - quality.numpy()).max() < 1e-4


@pytest.mark.parametrize("model", MODELS[1:])
@pytest.mark.parametrize("size", [(128, 128), (96, 128), (40, 64), (128, 70)], ids=str)
def test_graphs_equal_the_library(model: str, size: tuple[int, int]) -> None:
    """Its own network with its own processor, for frames that aren't shrunk: there all filters agree."""
    frames, boxes = example(*size)
    found = run(model, frames, boxes)
    network, rule = library_model(model), small(model).row.recipe_as(Masking)
    mask, quality = _of_the_library(network, rule, frames, boxes)
    gap = np.abs(found["mask"].astype(np.float32) - mask)
    # Ours are whole numbers. Where the frame is enlarged, the processor rounds the result to 8 bits, too,
    # which moves steep edges.
    enlarged = max(size) < SIDE and model == "sam-vit-b"
    assert gap.max() <= (30 if enlarged else 0.55), (gap.max(), gap.mean())
    assert gap.mean() < 0.5
    assert np.abs(found["quality"] - quality).max() < (0.03 if enlarged else 1e-4)


def _of_the_library(
    network: torch.nn.Module, rule: Masking, frames: np.ndarray, boxes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    corner = rule.fit == "corner"
    height, width = frames.shape[1:3]
    inputs = _processed(corner, rule, frames)
    inner = [round(length * SIDE / max(height, width)) for length in (height, width)]
    ratio = [inner[1] / width, inner[0] / height] if corner else [SIDE / width, SIDE / height]
    scaled = torch.from_numpy(boxes) * torch.tensor([*ratio, *ratio])
    with torch.no_grad():
        result = network(pixel_values=inputs, input_boxes=scaled, multimask_output=False)
    logits = result.pred_masks[:, :, 0]
    if corner:
        logits = resize(logits, (SIDE, SIDE), mode="bilinear")[..., : inner[0], : inner[1]]
    logits = resize(logits, (height, width), mode="bilinear")
    return 255 * logits.sigmoid().numpy(), result.iou_scores[:, :, 0].numpy()


def _processed(corner: bool, rule: Masking, frames: np.ndarray) -> torch.Tensor:
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    if corner:
        processor = SamImageProcessorPil(
            size={"longest_edge": SIDE},
            pad_size={"height": SIDE, "width": SIDE},
            image_mean=list(rule.mean),
            image_std=list(rule.std),
        )
        result: torch.Tensor = processor(list(frames), return_tensors="pt")["pixel_values"]
        return result
    planes = torch.from_numpy(frames).permute(0, 3, 1, 2).float()
    planes = resize(planes, (SIDE, SIDE), mode="bilinear", antialias=True) / 255
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (rule.mean, rule.std))
    return (planes - mean) / std


@pytest.mark.parametrize("model", MODELS)
def test_boxes_and_frames_are_independent(model: str) -> None:
    frames, boxes = example(75, 127)
    together = run(model, frames, boxes)
    for number in range(2):
        alone = run(model, frames[[number]], boxes[[number]][:, [2]])
        assert np.abs(alone["mask"][0, 0].astype(int) - together["mask"][number, 2]).max() <= 1
        assert np.abs(alone["quality"][0, 0] - together["quality"][number, 2]) < 1e-4


@pytest.mark.parametrize("model", MODELS)
def test_a_box_matters(model: str) -> None:
    frames, boxes = example(75, 127, batch=1)
    masks = run(model, frames, boxes)["mask"][0].astype(int)
    assert np.abs(masks[0] - masks[1]).mean() > 1
    assert masks.std() > 5


@pytest.mark.parametrize("model", MODELS)
def test_the_graphs_describe_themselves_and_can_be_built(model: str) -> None:
    made = small(model)
    for stage, graph in (("image", made.image), ("mask", made.mask)):
        onnx.checker.check_model(graph, full_check=True)
        assert unbuildable(graph) == []
        metadata = {item.key: item.value for item in graph.metadata_props}
        info = StageInfo.from_metadata(metadata, source=made.path)
        assert (info.stage, info.model, info.network_size) == (stage, model, (SIDE, SIDE))
        assert info.capacity == ({"prompts": 3} if stage == "mask" else {})
        assert {node.name.partition("/")[0] for node in graph.graph.node} == {"pre", "net", "post"}
    maps = [(name, ["batch", *shape]) for name, shape in made.networks.maps.items()]
    assert _ends(made.image) == [("frame", ["batch", "height", "width", 3]), *maps]
    prompts = [("boxes", ["batch", "prompts", 4]), ("size", [2])]
    results = [("mask", ["batch", "prompts", "height", "width"]), ("quality", ["batch", "prompts"])]
    assert sorted(_ends(made.mask)) == sorted([*maps, *prompts, *results])
    assert {value.name for value in sessions(model)[1].get_inputs()} == {
        *made.networks.maps,
        "boxes",
        "size",
    }


def _ends(graph: onnx.ModelProto) -> list[tuple[str, list[int | str]]]:
    return [
        (value.name, [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim])
        for value in (*graph.graph.input, *graph.graph.output)
    ]
