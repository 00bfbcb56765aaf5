"""A bundle: cut, joined, checked, installed without a registry; and the wheels that are in it."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu_bundle, gpu_check
from benchmarks.bundle import installing, pieces, wheels
from benchmarks.bundle.installing import environment, fitting, installed, library_folders
from benchmarks.bundle.pieces import check_pieces, join_pieces, read_manifest, write_pieces
from trt_anime.errors import DownloadError, EngineError, InputError

HERE = ".".join(map(str, sys.version_info[:2]))
PYTHON = f"cp{sys.version_info[0]}{sys.version_info[1]}"
FACTS = {"pythons": [HERE]}
MODULE = "answer = 42\n"


def content(folder: Path) -> Path:
    """A megabyte that can't be compressed, a small file below, and an empty one."""
    (folder / "wheels").mkdir(parents=True)
    (folder / "wheels" / "large.bin").write_bytes(np.random.default_rng(1).bytes(1_000_003))
    (folder / "home" / "graphs").mkdir(parents=True)
    (folder / "home" / "graphs" / "small.onnx").write_bytes(b"graph")
    (folder / "home" / "empty").touch()
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("most_bytes", [64_000, 999_424, 10_000_000])
def test_what_is_cut_is_joined(tmp_path: Path, most_bytes: int) -> None:
    source = content(tmp_path / "source")
    manifest = write_pieces(tmp_path / "bundle", source, facts=FACTS, most_bytes=most_bytes)
    assert manifest == read_manifest(tmp_path / "bundle") and dict(manifest.facts) == FACTS
    sizes = [path.stat().st_size for path in sorted((tmp_path / "bundle").glob("piece-*"))]
    assert sizes == [piece.size_bytes for piece in manifest.pieces]
    assert max(sizes) <= most_bytes and all(size == most_bytes for size in sizes[:-1])
    assert join_pieces(tmp_path / "bundle", tmp_path / "target") == manifest
    assert files(tmp_path / "target") == files(source)
    assert manifest.files == {name: len(data) for name, data in files(source).items()}


def test_a_smaller_bundle_leaves_nothing_of_the_one_before(tmp_path: Path) -> None:
    source = content(tmp_path / "source")
    write_pieces(tmp_path / "bundle", source, facts={}, most_bytes=100_000)
    (source / "wheels" / "large.bin").unlink()
    write_pieces(tmp_path / "bundle", source, facts={}, most_bytes=100_000)
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == ["bundle.json", "piece-000"]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_pieces(tmp_path / "bundle", content(tmp_path / "source"), facts=FACTS, most_bytes=300_000)
    return tmp_path / "bundle"


def test_missing_and_damaged_pieces_are_named(bundle: Path, tmp_path: Path) -> None:
    (bundle / "piece-001").unlink()
    with pytest.raises(InputError, match=r"1 of 4 pieces are missing \(piece-001\); copy them there"):
        join_pieces(bundle, tmp_path / "target")
    damaged = bytearray((bundle / "piece-002").read_bytes())
    damaged[1000] ^= 1
    (bundle / "piece-002").write_bytes(damaged)
    (bundle / "piece-001").write_bytes(b"cut off")
    with pytest.raises(InputError, match="damaged on the way: piece-001, piece-002; copy them again"):
        join_pieces(bundle, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (None, "can't be read .*; copy it there, too"),
        ("{", "is no manifest of a bundle"),
        ("[]", "is no manifest of a bundle"),
        ('{"schema": 0}', "was made by another release"),
        (
            '{"schema": 1, "facts": {}, "files": {}, "pieces": [{"name": "a"}]}',
            "is no manifest of a bundle",
        ),
    ],
)
def test_a_manifest_that_is_none(bundle: Path, words: str | None, message: str) -> None:
    (bundle / pieces.MANIFEST).unlink()
    if words is not None:
        (bundle / pieces.MANIFEST).write_text(words)
    with pytest.raises(InputError, match=message):
        read_manifest(bundle)


def wheel(folder: Path, name: str, tag: str, content: dict[str, str]) -> Path:
    """A wheel as pip takes it."""
    folder.mkdir(parents=True, exist_ok=True)
    path, facts = folder / f"{name}-1.0-{tag}.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in content.items():
            archive.writestr(file, text)
        archive.writestr(f"{facts}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{facts}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{facts}/RECORD", "".join(f"{file},,\n" for file in content))
    return path


def test_a_bundle_is_installed_once_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By pip, with nothing but what is in it, into a folder that comes before the machine's own."""
    source = tmp_path / "source"
    wheel(source / "wheels", "bundled_thing", "py3-none-any", {"bundled_thing.py": MODULE})
    wheel(source / "wheels", "other_python", "cp27-cp27mu-linux_x86_64", {"other_python.py": ""})
    (source / "home" / "graphs").mkdir(parents=True)
    (source / "home" / "graphs" / "small.onnx").write_bytes(b"graph")
    write_pieces(tmp_path / "bundle", source, facts=FACTS)
    target = installed(tmp_path / "bundle", tmp_path / "target")
    found = environment(target, {"PYTHONPATH": "before", "PATH": os.environ["PATH"]})
    script = "import bundled_thing, os; print(bundled_thing.answer, os.environ['TRT_ANIME_HOME'])"
    done = subprocess.run(
        [sys.executable, "-c", script], env=found, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"42 {target / 'home'}\n"
    assert (target / "home" / "graphs" / "small.onnx").is_file() and not (target / "wheels").exists()
    assert not (target / "packages" / "other_python.py").exists()
    assert found["PYTHONPATH"] == os.pathsep.join([str(target / "packages"), "before"])
    assert environment(target, {"TRT_ANIME_HOME": "mine"})["TRT_ANIME_HOME"] == "mine"

    monkeypatch.setattr(installing, "_install", lambda *given: pytest.fail("it is there already"))
    assert installed(tmp_path / "bundle", tmp_path / "target") == target


def test_a_bundle_for_another_python_is_refused_with_the_way_out(bundle: Path, tmp_path: Path) -> None:
    manifest = json.loads((bundle / pieces.MANIFEST).read_text())
    manifest["facts"]["pythons"] = ["3.99"]
    (bundle / pieces.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(
        InputError, match=rf"is for Python 3.99, and this is {HERE}; run .*PYTHON=python3.99"
    ):
        installed(bundle, tmp_path / "target")


def test_a_bundle_that_pip_refuses_is_not_taken_for_installed(tmp_path: Path) -> None:
    source = tmp_path / "source" / "wheels"
    source.mkdir(parents=True)
    (source / "broken-1.0-py3-none-any.whl").write_bytes(b"no wheel")
    write_pieces(tmp_path / "bundle", tmp_path / "source", facts=FACTS)
    for _ in range(2):
        with pytest.raises(EngineError, match="the bundle's packages can't be installed: "):
            installed(tmp_path / "bundle", tmp_path / "target")


def test_only_wheels_of_this_python_and_without_second_copies_of_cuda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {
        f"scipy-1-{PYTHON}-{PYTHON}-manylinux_2_28_x86_64.whl": True,
        "scipy-1-cp38-cp38-manylinux_2_28_x86_64.whl": False,
        "opencv-5-cp37-abi3-manylinux_2_28_x86_64.whl": True,
        "onnx-1-cp399-abi3-manylinux_2_28_x86_64.whl": False,
        "pytest-9-py3-none-any.whl": True,
        "nvidia_cublas-13-py3-none-manylinux1_x86_64.whl": False,
        "nvidia_cufft-12-py3-none-manylinux1_x86_64.whl": True,
        "nvidia_ml_py-13-py3-none-any.whl": True,
    }
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr(installing, "_distributions", lambda: {"nvidia-cublas", "nvidia-ml-py"})
    assert {path.name for path in fitting(tmp_path)} == {name for name, fits in names.items() if fits}


def test_libraries_are_found_in_both_layouts(tmp_path: Path) -> None:
    for file in (
        "nvidia/cublas/lib/libcublas.so.12",
        "nvidia/cu13/lib/libcublas.so.13",
        "nvidia/cu13/lib/b.so.1",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "nvidia" / "ml" / "lib").mkdir(parents=True)
    found = [
        folder.relative_to(tmp_path).as_posix() for folder in library_folders([tmp_path, tmp_path / "none"])
    ]
    assert found == ["nvidia/cu13/lib", "nvidia/cublas/lib"]


def test_what_is_built_here_is_for_every_python(tmp_path: Path) -> None:
    extension = f"fpng_py/_fpng_py.cpython-{PYTHON[2:]}-x86_64-linux-gnu.so"
    made = wheel(
        tmp_path, "fpng_py", f"{PYTHON}-{PYTHON}-linux_x86_64", {extension: "code", "fpng_py/a.py": "1"}
    )
    (tmp_path / "out").mkdir()
    found = wheels.stable(made, tmp_path / "out")
    assert found.name == "fpng_py-1.0-cp311-abi3-linux_x86_64.whl"
    with zipfile.ZipFile(found) as archive:
        assert "fpng_py/_fpng_py.abi3.so" in archive.namelist()
        assert b"Tag: cp311-abi3-linux_x86_64\n" in archive.read("fpng_py-1.0.dist-info/WHEEL")
        record = archive.read("fpng_py-1.0.dist-info/RECORD").decode().splitlines()
    assert len(record) == 5 and record[-1] == "fpng_py-1.0.dist-info/RECORD,,"
    digest = hashlib.sha256(b"code").digest().hex()
    assert record[0].startswith("fpng_py/_fpng_py.abi3.so,sha256=") and record[0].endswith(",4") and digest


def test_requirements_are_the_projects() -> None:
    """With CUDA's libraries or without; what no registry has, or has as source only, is left out."""
    full = wheels.requirements(rtx=False, cuda=True)
    assert "onnxruntime-gpu[cuda,cudnn]>=1.31,<2" in full and "numpy>=2" in full and "pip" in full
    assert not any(line.startswith(("tensorrt", "fpng", "torch")) for line in full)
    lean = wheels.requirements(rtx=True, cuda=False)
    assert "onnxruntime-gpu>=1.31,<2" in lean
    assert [line for line in lean if line.startswith("tensorrt")] == ["tensorrt-rtx-cu13>=1.7,<2"]


def test_pips_own_words_come_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def failed(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        assert command[command.index("--python-version") + 1] == "3.12" and "--only-binary=:all:" in command
        return subprocess.CompletedProcess(command, 1, "", "WARNING: a\nERROR: no matching distribution\n")

    monkeypatch.setattr(subprocess, "run", failed)
    with pytest.raises(DownloadError, match="pip download failed: ERROR: no matching distribution"):
        wheels.download(tmp_path, pythons=["3.12"], rtx=False, cuda=True)


def test_the_command_packs_what_it_got(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def download(folder: Path, **options: object) -> None:
        wheel(folder, "bundled_thing", "py3-none-any", {"bundled_thing.py": MODULE})

    monkeypatch.setattr(gpu_bundle, "download", download)
    monkeypatch.setattr(gpu_bundle, "bring_models", lambda home, models: list(models))
    assert gpu_bundle.main([str(tmp_path / "bundle"), "--python", HERE, "3.99", "--no-cuda"]) == 0
    manifest = read_manifest(tmp_path / "bundle")
    check_pieces(tmp_path / "bundle", manifest)
    assert manifest.facts["pythons"] == [HERE, "3.99"] and manifest.facts["cuda"] is False
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == ["bundle.json", "piece-000"]
    assert "1 pieces of at most 0 MB" in capsys.readouterr().out


def test_gpu_check_runs_from_the_bundle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A process of its own, with the bundle's packages before the machine's; no GPU, no claim."""
    source = tmp_path / "source"
    wheel(source / "wheels", "bundled_thing", "py3-none-any", {"bundled_thing.py": MODULE})
    write_pieces(tmp_path / "bundle", source, facts=FACTS)
    monkeypatch.delenv(installing.FROM_BUNDLE, raising=False)
    monkeypatch.setattr(gpu_check, "INSTALLED", tmp_path / "installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (
        gpu_check.main(["--bundle", str(tmp_path / "bundle"), "--reports", str(tmp_path / "reports")]) == 0
    )
    assert "none is claimed to pass" in capfd.readouterr().out
    assert gpu_check.main(["--bundle", str(tmp_path / "nowhere")]) == 2
    assert "nowhere/bundle.json: can't be read" in capfd.readouterr().out
