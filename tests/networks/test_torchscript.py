"""TorchScript archives are read for their tensors; nothing in them runs."""

import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from trt_anime.errors import CheckpointError
from trt_anime.export.networks.lama import Lama, LamaShape
from trt_anime.export.networks.loading import load_checkpoint
from trt_anime.export.networks.torchscript import is_torchscript, tensors_of

SMALL = LamaShape(width=4, halvings=2, blocks=1)


class Trainer(nn.Module):
    """LaMa's published file holds the trainer; the network is its generator."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        result: Tensor = self.generator(torch.cat((image * (1 - mask), mask), dim=1))
        return result


class Wrapper(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        result: Tensor = self.model(image, mask)
        return result


def small(seed: int = 0) -> Lama:
    torch.manual_seed(seed)
    return Lama(SMALL).eval()


def published(path: Path, network: nn.Module) -> Path:
    """`network` as the published files hold it."""
    example = (torch.rand(1, 3, 16, 16), torch.rand(1, 1, 16, 16))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; the files are there
        traced = torch.jit.trace(Wrapper(Trainer(network)).eval(), example)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, path)
    return path


def test_the_published_layout_loads(tmp_path: Path) -> None:
    source, network = small(seed=1), small()
    path = published(tmp_path / "big-lama.pt", source)
    load_checkpoint(network, path)
    expected, found = source.state_dict(), network.state_dict()
    assert list(expected) == list(found)
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_names_are_those_of_the_state(tmp_path: Path) -> None:
    source = small()
    found = tensors_of(published(tmp_path / "file.pt", source))
    assert found.keys() == {"model.generator." + name for name in source.state_dict()}


def test_shared_storage_views_and_dtypes(tmp_path: Path) -> None:
    """A tensor may be a part of a storage, and not in its order."""

    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            base = torch.arange(24, dtype=torch.float16)
            self.register_buffer("all", base)
            self.register_buffer("part", base[4:16].reshape(3, 4).T)
            self.register_buffer("flags", torch.tensor([True, False]))
            self.register_buffer("nothing", torch.zeros(0, dtype=torch.int32))

        def forward(self, x: Tensor) -> Tensor:
            return x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(Views()), tmp_path / "views.pt")
    expected, found = Views().state_dict(), tensors_of(tmp_path / "views.pt")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and torch.equal(found[name], value)


def test_only_such_archives_are_taken_for_one(tmp_path: Path) -> None:
    assert is_torchscript(published(tmp_path / "a.pt", small()))
    torch.save(small().state_dict(), tmp_path / "b.pt")
    (tmp_path / "c.pt").write_bytes(b"PK\x03\x04 no zip")
    assert not any(is_torchscript(tmp_path / name) for name in ("b.pt", "c.pt", "none.pt"))


def archive(path: Path, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x/data.pkl", content)
        file.writestr("x/constants.pkl", b"")
        file.writestr("x/data/0", bytes(16))
    return path


class Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_code_in_the_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "it ran"
    path = archive(tmp_path / "file.pt", pickle.dumps(Code(trace)))
    with pytest.raises(CheckpointError, match=r"holds more than tensors \((posix|nt)\.mkdir\)"):
        load_checkpoint(small(), path)
    assert not trace.exists()


OUTSIDE = b"""\x80\x02c__torch__\nM\n)\x81}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2
((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00K\x63\x85K\x01\x85\x89tRsb."""


@pytest.mark.parametrize("content", [OUTSIDE, pickle.dumps([1, 2]), b"", b"\x80\x02c"])
def test_damaged_archives_are_refused(content: bytes, tmp_path: Path) -> None:
    path = archive(tmp_path / "file.pt", content)
    with pytest.raises(CheckpointError, match="is not a readable weights file, or is damaged"):
        load_checkpoint(small(), path)


def test_a_tensor_inside_its_storage_is_read(tmp_path: Path) -> None:
    """The same bytes as above with a length that fits: it is the length that was refused."""
    path = archive(tmp_path / "file.pt", OUTSIDE.replace(b"K\x63", b"K\x04"))
    assert tensors_of(path)["w"].tolist() == [0, 0, 0, 0]


def test_the_network_of_another_file_is_refused(tmp_path: Path) -> None:
    path = published(tmp_path / "big-lama.pt", Lama(LamaShape(width=8, halvings=2, blocks=1)).eval())
    with pytest.raises(CheckpointError, match=r"weights of Lama: 'model\.1\.ffc\.convl2l\.weight' has the"):
        load_checkpoint(small(), path)
