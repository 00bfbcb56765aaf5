"""Weight files: the published layouts load, everything else is refused in one sentence."""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from trt_anime.errors import CheckpointError, MissingError
from trt_anime.export.networks import create
from trt_anime.export.networks.loading import load_checkpoint, loaded
from trt_anime.export.networks.rsu import BlockShape, ResidualUBlock

Weights = dict[str, Tensor]
MAPS = Path("/proc/self/maps")


def small(depth: int = 4) -> nn.Module:
    """A network of a few kilobytes; the loader knows no network by name."""
    return ResidualUBlock(3, BlockShape(depth=depth, inner=4, outer=8))


def weights_of(net: nn.Module) -> Weights:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def prefixed(weights: Weights, prefix: str) -> Weights:
    return {prefix + name: tensor for name, tensor in weights.items()}


def without_counters(weights: Weights) -> Weights:
    return {name: tensor for name, tensor in weights.items() if not name.endswith("num_batches_tracked")}


def same(a: Weights, b: Weights) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def refusal(net: nn.Module, path: Path) -> str:
    """The message with which `net` refuses `path`; checks what every refusal promises."""
    before = weights_of(net)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(net, path)
    assert same(before, weights_of(net)), "left unchanged on error"
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.endswith(".")
    assert ". " not in message.removeprefix(str(path)), "one sentence"
    assert "\n" not in message
    return message


GT_ENCODER = {"gt_encoder.conv_in.conv.weight": torch.ones(2, 1, 3, 3)}

LAYOUTS: dict[str, Callable[[Weights], Any]] = {
    "plain": lambda weights: weights,
    "ordered": OrderedDict,
    "parallel": lambda weights: prefixed(weights, "module."),
    "anime": lambda weights: prefixed(weights, "net.") | GT_ENCODER,
    "lightning": lambda weights: {
        "epoch": 7,
        "global_step": 100,
        "state_dict": prefixed(weights, "net.") | GT_ENCODER,
    },
    "model": lambda weights: {"model": weights, "optimizer": {"lr": 0.1}},
    "nested": lambda weights: {"model": {"state_dict": prefixed(weights, "module.net.")}},
    "parameters": lambda weights: {
        name: nn.Parameter(tensor) if tensor.is_floating_point() else tensor
        for name, tensor in weights.items()
    },
    "no counters": without_counters,
    "generator": lambda weights: {
        "state_dict": prefixed(weights, "generator.") | {"discriminator.model.0.weight": torch.ones(2)},
    },
}


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".PTH"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_published_layouts_load(layout: str, suffix: str, tmp_path: Path) -> None:
    path, source, net = tmp_path / f"file{suffix}", weights_of(small()), small()
    torch.save(LAYOUTS[layout](source), path)
    load_checkpoint(net, path)
    assert same(source, weights_of(net))


def test_no_random_weights_are_made_before(tmp_path: Path) -> None:
    torch.save(small().state_dict(), tmp_path / "weights.pth")
    before = torch.get_rng_state()
    network = loaded(small, tmp_path / "weights.pth")
    assert torch.equal(torch.get_rng_state(), before)
    assert same(network.state_dict(), torch.load(tmp_path / "weights.pth", weights_only=True))
    small()
    assert not torch.equal(torch.get_rng_state(), before), "elsewhere they are"


def test_files_from_before_torch_1_6_load(tmp_path: Path) -> None:
    path, source, net = tmp_path / "file.pth", weights_of(small()), small()
    torch.save(source, path, _use_new_zipfile_serialization=False)
    load_checkpoint(net, path)
    assert same(source, weights_of(net))


@pytest.mark.parametrize("layout", ["plain", "parallel", "anime", "no counters"])
def test_safetensors_load(layout: str, tmp_path: Path) -> None:
    path, source, net = tmp_path / "file.safetensors", weights_of(small()), small()
    save_file(LAYOUTS[layout](source), path)
    load_checkpoint(net, path)
    assert same(source, weights_of(net))


def test_missing_counters_become_zero(tmp_path: Path) -> None:
    path, net = tmp_path / "file.pth", small()
    counter = net.get_buffer("rebnconv1.bn_s1.num_batches_tracked")
    counter += 5
    torch.save(without_counters(weights_of(net)), path)
    load_checkpoint(net, path)
    assert int(net.get_buffer("rebnconv1.bn_s1.num_batches_tracked")) == 0


def test_values_take_the_networks_dtype_and_its_mode_stays(tmp_path: Path) -> None:
    path, net = tmp_path / "file.pth", small().double().eval()
    source = {name: t.half() if t.is_floating_point() else t for name, t in weights_of(small()).items()}
    torch.save(source, path)
    load_checkpoint(net, path)
    bias = net.get_parameter("rebnconv1.conv_s1.bias")
    assert bias.dtype == torch.float64
    assert torch.equal(bias, source["rebnconv1.conv_s1.bias"].double())
    assert not net.training


@pytest.mark.skipif(not MAPS.exists(), reason="only Linux says what is mapped")
@pytest.mark.parametrize("name", ["file.pth", "old.pth", "file.safetensors"])
def test_weights_stay_in_the_file_until_they_are_read(name: str, tmp_path: Path) -> None:
    """Mapped, a file's pages come when they are looked at; one from before PyTorch 1.6 can't be."""
    path, net = tmp_path / name, nn.Linear(1 << 12, 1 << 12)
    weights = {"weight": torch.ones(1 << 12, 1 << 12), "bias": torch.zeros(1 << 12)}
    if name.endswith("safetensors"):
        save_file(weights, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=name != "old.pth")
    weight = net.weight
    load_checkpoint(net, path)
    assert net.weight is weight, "what holds it elsewhere has the new values, too"
    place, mapped = net.weight.data_ptr(), False
    for line in MAPS.read_text().splitlines():
        first, last = (int(part, 16) for part in line.split()[0].split("-"))
        mapped |= first <= place < last and line.endswith(str(path))
    assert mapped == (name != "old.pth")
    assert net(torch.ones(1, 1 << 12))[0, 0] == 1 << 12


BACKBONES = ("backbone.", "lr_branch.backbone.")


@pytest.mark.parametrize("dropped", [*BACKBONES, None])
def test_modnet_needs_its_backbone_once(dropped: str | None, tmp_path: Path) -> None:
    path, source, net = tmp_path / "modnet.ckpt", weights_of(create("modnet")), create("modnet")
    kept = {name: t for name, t in source.items() if dropped is None or not name.startswith(dropped)}
    assert len(kept) == 751 - (312 if dropped else 0)
    torch.save(prefixed(kept, "module."), path)
    load_checkpoint(net, path)
    assert same(source, weights_of(net))


def test_two_different_backbones_are_refused(tmp_path: Path) -> None:
    path, source = tmp_path / "modnet.ckpt", weights_of(create("modnet"))
    for change in (source["backbone.model.features.0.0.weight"] + 1, torch.zeros(1, dtype=torch.float16)):
        torch.save(source | {"lr_branch.backbone.model.features.0.0.weight": change}, path)
        message = refusal(create("modnet"), path)
        assert "'backbone.model.features.0.0.weight'" in message
        assert "'lr_branch.backbone.model.features.0.0.weight'" in message


def test_no_backbone_at_all_is_refused(tmp_path: Path) -> None:
    path, source = tmp_path / "modnet.ckpt", weights_of(create("modnet"))
    torch.save({name: t for name, t in source.items() if not name.startswith(BACKBONES)}, path)
    assert "'backbone.model.features.0.0.weight' (32, 3, 3, 3) is missing" in refusal(
        create("modnet"), path
    )


def test_a_missing_tensor_is_named_with_its_shape(tmp_path: Path) -> None:
    path, weights = tmp_path / "file.pth", weights_of(small())
    del weights["rebnconv2.conv_s1.weight"], weights["rebnconv3.conv_s1.weight"]
    torch.save(weights, path)
    assert "'rebnconv2.conv_s1.weight' (4, 4, 3, 3) is missing; choose" in refusal(small(), path)


def test_a_misshapen_tensor_is_named_with_both_shapes(tmp_path: Path) -> None:
    path, weights = tmp_path / "file.pth", weights_of(small())
    weights["rebnconv2.conv_s1.weight"] = torch.zeros(5, 4, 3, 3)
    torch.save(weights, path)
    expected = "'rebnconv2.conv_s1.weight' has the shape (5, 4, 3, 3), expected (4, 4, 3, 3); choose"
    assert expected in refusal(small(), path)


def test_an_unexpected_tensor_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    torch.save(weights_of(small(depth=4)) | {"side9.bias": torch.zeros(1)}, path)
    assert "'side9.bias' (1) is unexpected; choose" in refusal(small(), path)


def test_integers_are_no_weights(tmp_path: Path) -> None:
    path, weights = tmp_path / "file.pth", weights_of(small())
    weights["rebnconv1.conv_s1.bias"] = torch.zeros(4, dtype=torch.int8)
    torch.save(weights, path)
    assert "'rebnconv1.conv_s1.bias' is torch.int8, expected torch.float32" in refusal(small(), path)


def test_the_file_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    torch.save(create("u2netp").state_dict(), path)
    expected = "weights of MODNet: 'backbone.model.features.0.0.weight' (32, 3, 3, 3) is missing"
    assert expected in refusal(create("modnet"), path)


class Code:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_refused_and_does_not_run(zipped: bool, tmp_path: Path) -> None:
    path, trace = tmp_path / "file.pth", tmp_path / "it ran"
    torch.save({"a": Code(trace)}, path, _use_new_zipfile_serialization=zipped)
    assert "holds more than tensors" in refusal(small(), path)
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists(), "the file would have done it"


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    torch.save(small(), path)
    assert "ResidualUBlock" in refusal(small(), path)


def saved(content: object) -> Callable[[Path], None]:
    return lambda path: torch.save(content, path)


UNUSABLE: dict[str, Callable[[Path], Any]] = {
    "empty.pth": lambda path: path.write_bytes(b""),
    "text.pth": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
    "page.ckpt": lambda path: path.write_text("<!DOCTYPE html><html></html>"),
    "noise.pt": lambda path: path.write_bytes(bytes(range(256)) * 8),
    "pickle.pth": lambda path: path.write_bytes(pickle.dumps({"a": 1})),
    "zip.pth": lambda path: path.write_bytes(b"PK\x05\x06" + bytes(18)),
    "empty.safetensors": lambda path: path.write_bytes(b""),
    "noise.safetensors": lambda path: path.write_bytes(bytes(range(256)) * 8),
    "folder.pth": lambda path: path.mkdir(),
    "list.pth": saved([torch.zeros(2)]),
    "tensor.pth": saved(torch.zeros(2)),
    "nothing.pth": saved({}),
    "wrapped_nothing.pth": saved({"state_dict": {}}),
    "only_gt_encoder.pth": saved(GT_ENCODER),
    "values.pth": saved({"epoch": 3}),
    "numbered.pth": saved({0: torch.zeros(2)}),
    "weights.onnx": saved({}),
    "weights": saved({}),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_files_are_refused(name: str, tmp_path: Path) -> None:
    UNUSABLE[name](tmp_path / name)
    refusal(small(), tmp_path / name)


@pytest.mark.parametrize("name", ["file.pth", "old.pth", "file.safetensors"])
@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999])
def test_truncated_files_are_refused(name: str, kept: float, tmp_path: Path) -> None:
    path, weights = tmp_path / name, weights_of(small())
    if name.endswith("safetensors"):
        save_file(weights, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=name != "old.pth")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    assert "damaged or cut short; download it again" in refusal(small(), path)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"nowhere\.pth does not exist"):
        load_checkpoint(small(), tmp_path / "nowhere.pth")
