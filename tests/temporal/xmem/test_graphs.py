"""The graphs around the networks compute what PyTorch computes, for frames of any size."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from tests.temporal.xmem.running import Arrays, largest, ran
from trt_anime.calibration.network import network_of, with_network
from trt_anime.calibration.typing_network import network_in
from trt_anime.engines.specialise import specialised
from trt_anime.export.networks.xmem.constants import MEAN, STD
from trt_anime.export.networks.xmem.network import XMem, aggregated, full_size
from trt_anime.export.temporal.xmem.compose import OUTPUTS, xmem_graphs
from trt_anime.export.temporal.xmem.networks import Networks
from trt_anime.export.temporal.xmem.sizes import MemoryProfile
from trt_anime.limits import sm75_needs_fp16, unbuildable
from trt_anime.stage import NETWORK, StageInfo

# Whole cells; to be padded; to be shrunk and padded.
WHOLE = MemoryProfile(height=48, width=64, work_frames=4, long_cells=40, prototypes=10)
PADDED = MemoryProfile(height=50, width=70, work_frames=4, long_cells=40, prototypes=10)
SHRUNK = MemoryProfile(height=120, width=150, short_side=40, work_frames=4, long_cells=40, prototypes=10)
PROFILES = pytest.mark.parametrize("profile", [WHOLE, PADDED, SHRUNK], ids=["whole", "padded", "shrunk"])

Graphs = dict[str, onnx.ModelProto]


def graphs_of(networks: Networks, profile: MemoryProfile) -> Graphs:
    return xmem_graphs(networks, profile, checkpoint_sha256="0" * 64, licence="MIT")


def frame_of(profile: MemoryProfile) -> NDArray[np.uint8]:
    shape = (1, profile.height, profile.width, 3)
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


def image_of(frame: NDArray[np.uint8], profile: MemoryProfile) -> Tensor:
    """What the network sees: shrunk by boxes, then bilinearly; normalised; zeros around."""
    pixels = torch.from_numpy(frame).permute(0, 3, 1, 2).float()
    if profile is SHRUNK:
        pixels = interpolate(avg_pool2d(pixels, 3), size=(40, 50), mode="bilinear", align_corners=False)
    mean, std = (torch.tensor(values)[None, :, None, None] for values in (MEAN, STD))
    top, left, bottom, right = profile.margins
    return pad((pixels / 255 - mean) / std, (left, right, top, bottom))


def random_of(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(shape, np.float32)


@PROFILES
def test_key(profile: MemoryProfile, small_networks: Networks, small_network: XMem) -> None:
    frame = frame_of(profile)
    found = ran(graphs_of(small_networks, profile)["key"], {"frame": frame})
    with torch.inference_mode():
        expected = small_network.encode_key(image_of(frame, profile))
    for name in ("key", "selection"):
        assert largest(found[name], getattr(expected, name)[0].flatten(1).T) < 1e-5
    assert largest(found["shrinkage"], expected.shrinkage.flatten()) < 1e-5
    for name in ("f16", "f8", "f4"):
        assert largest(found[name], getattr(expected, name)) < 1e-5


@PROFILES
@pytest.mark.parametrize("objects", [1, 3])
def test_value(objects: int, profile: MemoryProfile, small_networks: Networks, small_network: XMem) -> None:
    frame = frame_of(profile)
    inputs: Arrays = {
        "f16": random_of((1, 128, *profile.grid)),
        "probability": random_of((objects, 1, *profile.padded_size)),
        "sensory": random_of((objects, 8, *profile.grid)),
    }
    found = ran(graphs_of(small_networks, profile)["value"], {"frame": frame, **inputs})
    f16, probability, sensory = (torch.from_numpy(array) for array in inputs.values())
    with torch.inference_mode():
        value, deep = small_network.encode_value(image_of(frame, profile), f16, sensory, probability)
    assert largest(found["value"], value.flatten(2).transpose(1, 2)) < 1e-5
    assert largest(found["new_sensory"], deep) < 1e-5


@PROFILES
@pytest.mark.parametrize("objects", [1, 3])
def test_decode(
    objects: int, profile: MemoryProfile, small_networks: Networks, small_network: XMem
) -> None:
    (height, width), scales = profile.grid, {"f16": (128, 1), "f8": (64, 2), "f4": (32, 4)}
    inputs = {name: random_of((1, depth, s * height, s * width)) for name, (depth, s) in scales.items()}
    inputs |= {"readout": random_of((objects, 32, height, width), 1)}
    inputs |= {"sensory": random_of((objects, 8, height, width), 2)}
    found = ran(graphs_of(small_networks, profile)["decode"], inputs)
    with torch.inference_mode():
        logits, normal = small_network.decode(*(torch.from_numpy(array) for array in inputs.values()))
    assert largest(found["new_sensory"], normal) < 1e-5
    check_masks(found, full_size(logits).sigmoid(), profile)


def check_masks(found: Arrays, masks: Tensor, profile: MemoryProfile) -> None:
    """`masks`: each object's own probability, [objects,1,h,w]."""
    shares = aggregated(masks).softmax(0)
    assert largest(found["new_probability"], shares[1:]) < 1e-5
    top, left, _, _ = profile.margins
    height, width = profile.network_size
    inner = shares[:, :, top : top + height, left : left + width]
    size = (profile.height, profile.width)
    at_frame = interpolate(inner, size=size, mode="bilinear", align_corners=False)[:, 0]
    best = at_frame.topk(2, dim=0).values
    clear = (best[0] - best[1] > 1e-4).numpy()
    assert clear.mean() > 0.9
    assert np.array_equal(found["labels"][0][clear], at_frame.argmax(0).numpy()[clear])
    assert largest(found["matte"], at_frame[1:] * 255) <= 0.51


@PROFILES
def test_merge_overrides_what_was_predicted(profile: MemoryProfile, small_networks: Networks) -> None:
    """Objects 1 and 3 are drawn, 2 isn't spoken of: it keeps what it had where nobody else is drawn."""
    mask = np.zeros((1, profile.height, profile.width), np.uint8)
    mask[0, : profile.height // 3], mask[0, :, -profile.width // 4 :] = 1, 3
    probability = random_of((3, 1, *profile.padded_size))
    given = np.array([1, -1, 3], np.float32)
    inputs: Arrays = {"mask": mask, "given": given, "probability": probability}
    found = ran(graphs_of(small_networks, profile)["merge"], inputs)
    height, width = profile.network_size
    top, left, bottom, right = profile.margins
    small = interpolate(torch.from_numpy(mask)[None].float(), size=(height, width), mode="nearest-exact")
    labels = pad(small, (left, right, top, bottom))[0]
    kept = torch.from_numpy(probability[1]) * (labels == 0)
    masks = torch.stack([(labels == 1).float(), kept, (labels == 3).float()])
    check_masks(found, masks, profile)


def test_the_number_of_objects_is_free_and_how_much_of_the_memory_is_read(
    small_networks: Networks,
) -> None:
    graphs = graphs_of(small_networks, PADDED)
    assert graphs.keys() == OUTPUTS.keys()
    for stage, graph in graphs.items():
        free = {"objects", "cells"} if stage == "read" else {"objects"}
        for value in (*graph.graph.input, *graph.graph.output):
            first, *rest = value.type.tensor_type.shape.dim
            assert first.dim_param in free or first.dim_value > 0
            assert all(dim.dim_value > 0 for dim in rest)


def test_an_engine_reads_all_of_the_memory(small_networks: Networks) -> None:
    graph = graphs_of(small_networks, PADDED)["read"]
    fixed = specialised(graph, height=PADDED.height, width=PADDED.width)
    sizes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*fixed.graph.input, *fixed.graph.output)
    }
    assert sizes["memory_key"] == [PADDED.capacity, 16]
    assert sizes["memory_shrinkage"] == sizes["valid"] == sizes["usage"] == [PADDED.capacity]
    assert sizes["memory_value"] == ["objects", PADDED.capacity, 32]
    [best] = [node for node in fixed.graph.node if node.op_type == "TopK"]
    [count] = [constant for constant in fixed.graph.initializer if constant.name == best.input[1]]
    assert onnx.numpy_helper.to_array(count).tolist() == [PADDED.top_k]


def test_a_profile_without_long_term_memory_has_nothing_to_consolidate(small_networks: Networks) -> None:
    graphs = graphs_of(small_networks, MemoryProfile(height=48, width=64, long_cells=0))
    assert graphs.keys() == OUTPUTS.keys() - {"consolidate"}


def test_graphs_say_what_they_are(small_networks: Networks, tmp_path: Path) -> None:
    for stage, graph in graphs_of(small_networks, PADDED).items():
        properties = {entry.key: entry.value for entry in graph.metadata_props}
        info = StageInfo.from_metadata(properties, source=tmp_path)
        assert (info.stage, info.model, info.network_size) == (stage, "xmem", (64, 80))


def test_engines_can_be_built_of_them(small_networks: Networks) -> None:
    """What only FP16 builds on SM75 is in the network, which is what gets typed."""
    for graph in graphs_of(small_networks, PADDED).values():
        assert unbuildable(graph) == []
        assert all(name.startswith(NETWORK) for name in sm75_needs_fp16(graph))


@pytest.mark.parametrize("stage", ["read", "consolidate"])
def test_as_fp16_no_fp32_product_is_left(stage: str, small_networks: Networks) -> None:
    graph = graphs_of(small_networks, PADDED)[stage]
    assert len(sm75_needs_fp16(graph)) == 2
    typed = network_in("fp16", network_of(graph), form="tensorrt").model
    assert sm75_needs_fp16(with_network(graph, typed)) == []
