"""A frame reaches the network as the published preprocessing would bring it there."""

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import spox.opset.ai.onnx.v20 as op
from PIL import Image
from spox import Tensor, argument, build
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from tests.embed.pieces import SIZES, Frames, pictures
from tests.onnx_sessions import arrays
from trt_anime.export.catalogue import get
from trt_anime.export.check import session_of
from trt_anime.export.embed.prepare import picture_graph
from trt_anime.export.geometry import extent, integers
from trt_anime.export.recipes.effects import Effects
from trt_anime.export.recipes.embed import Embedding
from trt_anime.export.recipes.pictures import Picture
from trt_anime.export.resampling import Kernel, matrix, resampled

IMAGENET: dict[str, Any] = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
# As in the `preprocessor_config.json` of each repository.
PUBLISHED = {
    "clip-b32": CLIPImageProcessorPil(),
    "dinov2-s": BitImageProcessorPil(
        size={"shortest_edge": 256},
        crop_size={"height": 224, "width": 224},
        do_center_crop=True,
        resample=3,
        **IMAGENET,
    ),
    "clipseg": ViTImageProcessorPil(size={"height": 352, "width": 352}, resample=2, **IMAGENET),
}


def picture_of(name: str) -> Picture:
    recipe = get(name).recipe
    assert isinstance(recipe, Embedding | Effects)
    return recipe.picture


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", PUBLISHED)
def test_equals_the_published_preprocessing(name: str, size: tuple[int, int]) -> None:
    """But for its rounding in between, and where a sharp edge overshoots white or black twice."""
    frames, picture = pictures(*size), picture_of(name)
    session = session_of(picture_graph(picture))
    image = arrays(session, {"frame": frames}, ["image"])[0]
    expected = PUBLISHED[name](list(frames), return_tensors="np")["pixel_values"]
    assert image.shape == expected.shape == (2, 3, picture.side, picture.side)
    levels = np.abs(image - expected) * 255 * np.array(picture.std).reshape(1, 3, 1, 1)
    assert levels.mean() < 0.25 and np.percentile(levels, 99) < 1.1


@pytest.mark.parametrize("source", [(90, 160), (160, 90), (31, 17)], ids=str)
@pytest.mark.parametrize("target", [(40, 71), (90, 40), (131, 200)], ids=str)
@pytest.mark.parametrize(("kernel", "pillow"), [("linear", 2), ("cubic", 3)])
def test_resize_is_pillows(
    kernel: Kernel, pillow: int, source: tuple[int, int], target: tuple[int, int]
) -> None:
    frame = pictures(*source)[0]
    found = arrays(resizing(kernel, *target), {"frame": frame[None]})[0][0].transpose(1, 2, 0)
    height, width = target
    expected = np.asarray(Image.fromarray(frame).resize((width, height), pillow), np.float32)
    gap = np.abs(found - expected)
    assert gap.mean() < 0.25 and np.percentile(gap, 99) <= 1


def test_a_flat_picture_stays_flat() -> None:
    for kernel in ("linear", "cubic"):
        frame = np.full((1, 71, 93, 3), 137, np.uint8)
        assert np.all(arrays(resizing(kernel, 30, 150), {"frame": frame})[0] == 137)


def test_the_crop_is_the_middle() -> None:
    """A wide frame whose middle square is white: the network sees nothing else."""
    frame = np.zeros((1, 480, 960, 3), np.uint8)
    frame[:, :, 240:720] = 255
    image = arrays(session_of(picture_graph(picture_of("clip-b32"))), {"frame": frame}, ["image"])[0]
    assert (image > 1.8).mean() > 0.97


def resizing(kernel: Kernel, height: int, width: int) -> ort.InferenceSession:
    frame = argument(Tensor(np.uint8, ("batch", "height", "width", 3)))
    pixels = op.cast(frame, to=np.float32)
    rows = matrix(extent(pixels, 1), integers(height), kernel, count=height)
    columns = matrix(extent(pixels, 2), integers(width), kernel, count=width)
    model: onnx.ModelProto = build({"frame": frame}, {"small": resampled(pixels, rows, columns)})
    return session_of(model)


def test_both_frames_are_their_own() -> None:
    session = session_of(picture_graph(picture_of("clipseg")))
    frames: Frames = pictures(120, 200)
    together = arrays(session, {"frame": frames}, ["image"])[0]
    for number in range(2):
        alone = arrays(session, {"frame": frames[[number]]}, ["image"])[0]
        np.testing.assert_allclose(together[[number]], alone, atol=0.02)
