"""What `make engines` would do."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.checkpoints.conftest import tiny_onnx
from tests.house.layout import ROOT
from trt_anime.export import catalogue, checkpoints

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


def lines(*words: str, models: Path, target: str = "engines") -> list[str]:
    """The commands of `make --dry-run TARGET WORDS` that are ours."""
    environment = os.environ | {"TRT_ANIME_HOME": str(models), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if "trt-anime " in line or "pip install" in line]


def test_what_is_lowered_is_calibrated(tmp_path: Path) -> None:
    *_, calibrate, build = lines(
        "GPU=rtx 4090,sm86", "PRECISION=fp32, fp16,int8", "MODELS=u2netp modnet", models=tmp_path
    )
    assert calibrate.endswith(
        "/trt-anime calibrate u2netp modnet --frames 'samples/first_light.mp4' --precision fp16,int8"
    )
    assert build.endswith(
        "/trt-anime engines build u2netp modnet --gpu 'rtx 4090,sm86' --precision 'fp32, fp16,int8' "
        "--size 1920x1080"
    )


def test_frames_and_size(tmp_path: Path) -> None:
    *_, calibrate, build = lines("FRAMES=my clip.mkv", "SIZE=1280x720", models=tmp_path)
    assert "--frames 'my clip.mkv' " in calibrate
    assert build.endswith(" --size 1280x720")


def test_fp32_needs_no_calibration(tmp_path: Path) -> None:
    found = lines("PRECISION=fp32", models=tmp_path)
    assert not any("calibrate" in line for line in found)
    assert " engines build u2netp " in found[-1]


def test_the_demo_builds_what_needs_no_calibration(tmp_path: Path) -> None:
    """Its environment lacks what types FP16."""
    (pip, *_, build) = lines("PYTHON=python3", models=tmp_path / "home", target="demo")[-5:]
    assert " engines build u2netp --gpu rtx4090 --precision fp32 " in build
    assert "calibration" not in pip


def test_this_machines_gpu_has_an_environment_of_its_own(tmp_path: Path) -> None:
    """The extras `cpu` and `gpu` exclude each other."""
    found = lines("GPU=native", models=tmp_path)
    assert all(".venv-gpu/bin/" in line for line in found)
    assert any(line.endswith("'.[gpu,datasets,calibration]'") for line in found)
    assert not any("cpu" in line for line in found)


def test_a_gpus_check_has_all_that_it_needs(tmp_path: Path) -> None:
    """PyTorch, the tests and what calibrates among it; nothing is asked of a registry otherwise."""
    found = lines("GPU=native", models=tmp_path, target="gpu-check")
    assert any(line.endswith("'.[gpu,datasets,calibration,export,dev]'") for line in found)
    assert not lines(models=tmp_path, target="gpu-check")


def test_every_network_that_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (ROOT / ".venv/bin/trt-anime").exists():
        pytest.skip("make's own environment is not set up")
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path))
    (tmp_path / "mine.onnx").write_bytes(tiny_onnx())
    for name in ("modnet", "isnet-anime"):
        checkpoints.import_file(catalogue.get(name), tmp_path / "mine.onnx")
    assert " engines build isnet-anime modnet " in lines(models=tmp_path)[-1]
    assert " engines build u2netp " in lines("MODELS=u2netp", models=tmp_path)[-1]
