"""What stands around the network in AOT's graphs: pixels in, pixels out."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import Tensor, nn

from tests.engines.calibrated import calibrated
from tests.networks.aot import weights
from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
from trt_anime.errors import InputError
from trt_anime.export.networks.aot.encoders import Taps
from trt_anime.export.networks.aot.network import ObjectTracker
from trt_anime.export.temporal.aot_onnx import aot_graphs, steps_of
from trt_anime.export.temporal.aot_shape import AotShape
from trt_anime.export.temporal.aot_stages import (
    DEVIATION,
    MEAN,
    Decode,
    Encode,
    ImageOfFrame,
    Memorise,
    Merge,
    Refer,
)

# The network sees it at 65 x 113: shrunk by boxes of 2, the rest bilinearly.
SHAPE = AotShape(height=150, width=250, longest_side=112, slots=2)


class SmallEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, 8, 3, stride, 1) for inputs, stride in ((3, 4), (8, 2), (8, 2), (8, 1))
        )

    def forward(self, x: Tensor) -> Taps:
        taps = []
        for layer in self.layers:
            x = layer(x)
            taps.append(x)
        return Taps(*taps)


def small_network() -> ObjectTracker:
    torch.manual_seed(0)
    return ObjectTracker(SmallEncoder(), (8, 8, 8, 8), depth=1, gated=True).eval().requires_grad_(False)


def labels(height: int, width: int, highest: int) -> Tensor:
    return torch.randint(0, highest + 1, (1, height, width), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((97, 145), (97, 145)),  # already 16k + 1
        ((1080, 1920), (577, 1041)),
        ((720, 1280), (577, 1041)),
        ((480, 854), (481, 849)),
        ((2160, 3840), (577, 1041)),
        ((1920, 1080), (1041, 577)),
        ((9, 9), (17, 17)),
    ],
)
def test_sizes_that_the_network_sees(size: tuple[int, int], expected: tuple[int, int]) -> None:
    shape = AotShape(height=size[0], width=size[1])
    assert shape.network_size == expected
    assert shape.tokens == ((expected[0] - 1) // 16 + 1) * ((expected[1] - 1) // 16 + 1)
    assert shape.describe() == f"{size[1]}x{size[0]} frames seen at {expected[1]}x{expected[0]}"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"objects": 11}, "1 to 10 objects, not 11; ask for more passes"),
        ({"objects": 0}, "1 to 10 objects, not 0"),
        ({"passes": 26}, "26 passes of 10 objects are more than 255 labels"),
        ({"slots": 0}, "a slot"),
        ({"longest_side": 16}, "longest side above 16"),
    ],
)
def test_sizes_that_there_are_no_graphs_for(wrong: dict[str, int], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(SHAPE, **wrong)


def test_an_even_frame_keeps_its_colour_when_it_is_shrunk() -> None:
    frame = torch.tensor([10, 200, 90], dtype=torch.uint8).expand(1, 150, 250, 3)
    image = ImageOfFrame(SHAPE)(frame)
    assert image.shape == (1, 3, 65, 113)
    expected = (torch.tensor([10, 200, 90]) / 255 - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
    assert torch.allclose(image, expected.reshape(1, 3, 1, 1).expand_as(image), atol=1e-5)


def test_whole_boxes_are_averaged() -> None:
    small = torch.randint(0, 256, (1, 33, 49, 3), dtype=torch.uint8)
    large = small.repeat_interleave(3, dim=1).repeat_interleave(3, dim=2)
    of_small = ImageOfFrame(AotShape(height=33, width=49))(small)
    of_large = ImageOfFrame(AotShape(height=99, width=147, longest_side=49))(large)
    assert torch.allclose(of_small, of_large, atol=1e-5)


def test_a_pass_sees_its_own_objects_only() -> None:
    shape = AotShape(height=33, width=49, objects=3, passes=2)
    found = labels(33, 49, 6)
    planes = Memorise(small_network(), shape).pre(found.float(), torch.tensor([4.0]))
    assert planes.shape == (1, 11, 33, 49)
    assert torch.equal(planes.sum(dim=1), torch.ones(1, 33, 49))
    for channel in (1, 2, 3):
        assert torch.equal(planes[:, channel], (found == channel + 3).float())
    assert not planes[:, 4:].any()


def test_what_is_drawn_lies_over_what_was_found() -> None:
    drawn, found = labels(33, 49, 3), labels(33, 49, 2)
    merged, planes = Refer(small_network(), AotShape(height=33, width=49)).pre(drawn, found, torch.ones(1))
    assert merged.dtype == torch.uint8
    assert torch.equal(merged, torch.where(drawn > 0, drawn, found))
    assert torch.equal(planes.argmax(dim=1), merged.long())


def test_objects_that_are_not_there_have_no_probability() -> None:
    network = small_network()
    features = Encode(network, SHAPE)(torch.zeros(1, 150, 250, 3, dtype=torch.uint8))
    found = torch.randn(1, 512, *SHAPE.map_size)
    probabilities, winners = Decode(network, SHAPE)(found, *features[:3], torch.tensor([2.0]))
    assert probabilities.shape == (1, 11, 150, 250)
    assert winners.shape == (1, 150, 250)
    assert not probabilities[:, 3:].any()
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(1, 150, 250), atol=1e-5)
    assert torch.equal(winners.long(), probabilities.argmax(dim=1))


def merged_by_hand(passes: list[np.ndarray[Any, Any]], objects: int) -> np.ndarray[Any, Any]:
    """The published rule, pixel by pixel: logits of what is cut off at 1e-5 from both ends."""
    background = np.prod([own[0] for own in passes], axis=0)
    every = np.concatenate([background[None], *(own[1 : 1 + objects] for own in passes)])
    cut = np.clip(every, 1e-5, 1 - 1e-5)
    logits = np.log(cut / (1 - cut))
    return np.asarray(np.exp(logits) / np.exp(logits).sum(axis=0))


def test_passes_are_merged_by_the_published_rule() -> None:
    merge = Merge(AotShape(height=17, width=33, objects=4, passes=2))
    torch.manual_seed(1)
    passes = [torch.softmax(8 * torch.randn(1, 11, 17, 33), dim=1) for _ in range(2)]
    probabilities, winners = merge(torch.ones(2), *passes)
    expected = merged_by_hand([own[0].double().numpy() for own in passes], 4)
    assert probabilities.shape == (1, 9, 17, 33)
    assert np.abs(probabilities[0].numpy() - expected).max() < 1e-4
    sure = np.sort(expected, axis=0)[-2:]
    clear = sure[1] - sure[0] > 1e-3
    assert (winners[0].numpy() == expected.argmax(axis=0))[clear].all()


def test_the_first_of_those_that_tie_wins() -> None:
    merge = Merge(AotShape(height=1, width=1, objects=10, passes=3))
    certain = [torch.zeros(1, 11, 1, 1) for _ in range(3)]
    certain[0][:, 0] = 1  # background to the first pass, objects 13 and 22 to the others
    certain[1][:, 3] = 1
    certain[2][:, 2] = 1
    probabilities, winners = merge(torch.ones(3), *certain)
    assert winners.item() == 13
    assert probabilities[0, 13] == probabilities[0, 22]
    assert probabilities[0, 0] < 1e-9


def test_passes_that_are_not_there_change_nothing() -> None:
    three = Merge(AotShape(height=5, width=7, objects=2, passes=3))
    two = Merge(AotShape(height=5, width=7, objects=2, passes=2))
    torch.manual_seed(2)
    passes = [torch.softmax(torch.randn(1, 11, 5, 7), dim=1) for _ in range(2)]
    probabilities, winners = three(torch.tensor([1.0, 1, 0]), *passes, passes[0])
    expected, expected_winners = two(torch.ones(2), *passes)
    assert torch.equal(winners, expected_winners)
    assert torch.allclose(
        probabilities[:, :5], expected, rtol=2e-3
    )  # what is not there has 1e-5 all the same
    assert probabilities[:, 5:].max() < 1e-3


@pytest.mark.parametrize("model", ["deaot_t", "r50_aot_l"])
def test_examples_have_the_shapes_that_the_encoder_gives(model: str) -> None:
    network = weights.network(model)
    steps = steps_of(network, SHAPE)
    with torch.inference_mode():
        maps = Encode(network, SHAPE)(torch.zeros(1, 150, 250, 3, dtype=torch.uint8))
    given = steps["refer"].inputs | steps["decode"].inputs
    for name, found in zip(steps["encode"].outputs, maps, strict=True):
        assert given[name].shape == found.shape


def test_graphs_that_resize_compute_what_pytorch_computes_and_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = small_network()
    steps = {"encode": Encode(network, SHAPE), "memorise": Memorise(network, SHAPE)}
    graphs = aot_graphs(
        network, SHAPE, model="small", checkpoint_sha256="0" * 64, licence="MIT", only=tuple(steps)
    )
    inputs: dict[str, tuple[Tensor, ...]] = {
        "encode": (torch.randint(0, 256, (1, 150, 250, 3), dtype=torch.uint8),),
        "memorise": (
            torch.randn(1, SHAPE.tokens, network.pending_channels),
            labels(150, 250, 10),
            torch.ones(1),
        ),
    }
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    assert graphs.keys() == steps.keys()
    for name, graph in graphs.items():
        session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
        names = [entry.name for entry in session.get_inputs()]
        arrays = (value.numpy() for value in inputs[name])
        actual = session.run(None, dict(zip(names, arrays, strict=True)))
        expected = steps[name](*inputs[name])
        expected = expected if isinstance(expected, tuple) else (expected,)
        for one, other in zip(actual, expected, strict=True):
            assert np.abs(one - other.numpy()).max() < 1e-4
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(graph.SerializeToString())
        _build(path)


def _build(path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    profile = Profile(height=SHAPE.height, width=SHAPE.width, max_batch=1)
    graph, target = stage_graph_from_file(path), Target("rtx", 89)
    calibrated(graph.path, "fp16")
    engine_from_graph(graph, target, precision="fp16", profile=profile, on_progress=lambda share: None)
