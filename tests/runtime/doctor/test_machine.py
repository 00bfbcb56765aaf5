"""What is looked up without loading anything."""

from importlib import metadata
from pathlib import Path

import pytest

from trt_anime.runtime.doctor import machine

X86 = """processor\t: 0
model name\t: A CPU
flags\t\t: fpu sse2 avx2 avx512f avx512_vnni avx512_bf16 amx_int8

processor\t: 1
flags\t\t: fpu
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm bf16\n"


@pytest.mark.parametrize(
    ("text", "features"),
    [
        (X86, ("AVX2", "AVX-512", "VNNI", "BF16", "AMX INT8")),
        ("flags: avx2 avx_vnni\n", ("AVX2", "VNNI")),
        (ARM, ("BF16", "DOTPROD", "I8MM")),
        ("flags: fpu\n", ()),
        ("no such line\n", None),
        (None, None),
    ],
)
def test_features(
    text: str | None, features: tuple[str, ...] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    assert machine.features() == features


def test_gpus_on_the_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = {
        "gpu": ("0x10de", "0x030200"),
        "its sound": ("0x10de", "0x040300"),
        "amd": ("0x1002", "0x030000"),
    }
    for name, (vendor, kind) in devices.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(f"{vendor}\n")
        (tmp_path / name / "class").write_text(f"{kind}\n")
    (tmp_path / "strange").mkdir()
    monkeypatch.setattr(machine, "_PCI", tmp_path)
    assert machine.gpus_on_bus() == 1
    monkeypatch.setattr(machine, "_PCI", tmp_path / "none")
    assert machine.gpus_on_bus() is None


def test_a_home_that_is_not_there_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "new/home"))
    found = machine.machine()
    assert found.home == str(tmp_path / "new/home") and found.home_is_writable
    assert found.disk_total_bytes and found.disk_free_bytes is not None
    assert found.cores >= 1 and found.memory_total_bytes and found.processor
    assert not (tmp_path / "new").exists()


def test_a_file_where_home_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    assert not machine.machine().home_is_writable


def test_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nvidia_cudnn_cu13-9.1.0", "nvidia_cuda_runtime-13.0.1", "tensorrt_cu13-11.4"):
        folder = tmp_path / f"{name}.dist-info"
        folder.mkdir()
        title, _, version = name.rpartition("-")
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {title}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = machine.packages()
    assert found["nvidia-cudnn-cu13"] == "9.1.0" and found["nvidia-cuda-runtime"] == "13.0.1"
    assert found["tensorrt-cu13"] == "11.4"
    assert all(metadata.version(name) == version for name, version in found.items())
