"""`make gpu-check` claims nothing that it didn't see."""

from pathlib import Path

import pytest

from benchmarks import gpu_check
from trt_anime.errors import EngineError, MissingError


def test_without_a_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpu_check, "REPORTS", tmp_path)
    assert gpu_check.main() == 0
    assert "none is claimed to pass" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def absent() -> str:
    raise MissingError("no TensorRT")


def wrong() -> str:
    raise EngineError("differs")


def test_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was skipped or failed is in the report as such, and a failure is in the exit code."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'NVIDIA Test 1'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/bin:/usr/bin")
    monkeypatch.setattr(gpu_check, "REPORTS", tmp_path)
    monkeypatch.setattr(gpu_check, "parity_on_cuda", absent)
    monkeypatch.setattr(gpu_check, "native_engine", wrong)
    assert gpu_check.main() == 1
    report = (tmp_path / "nvidia-test-1.md").read_text()
    assert "| absent | skipped | no TensorRT |" in report
    assert "| wrong | failed | differs |" in report
