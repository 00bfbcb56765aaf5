"""A library may crash, hang or end the process that loads it: it is another process."""

import os
import sys
import time
from pathlib import Path

import pytest

from trt_anime.runtime.doctor.asking import asked
from trt_anime.runtime.doctor.facts import Flavour, OpenVino, Probed

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

VERSION = "__version__ = '1'\nCreateDemuxer = CreateDecoder = None\n"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules the children find first."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_an_answer(modules: Path) -> None:
    (modules / "PyNvVideoCodec.py").write_text(VERSION + "print('hello')\n")
    with asked("nvdec") as answers:
        assert answers.get("nvdec", Probed) == Probed(version="1")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("raise SystemExit('go away')", "it wanted to end the process (go away)"),
        ("raise OSError('libx.so: cannot open')", "libx.so: cannot open"),
    ],
)
def test_an_error(line: str, reason: str, modules: Path) -> None:
    (modules / "openvino.py").write_text(line)
    with asked("openvino") as answers:
        assert answers.get("openvino", OpenVino) == OpenVino(reason=reason)


@posix
def test_a_crash(modules: Path) -> None:
    """The others are not touched by it."""
    (modules / "PyNvVideoCodec.py").write_text(VERSION)
    (modules / "tensorrt.py").write_text("import os\nos.write(2, b'no GPU lock\\n')\nos.abort()")
    with asked("tensorrt", "nvdec") as answers:
        found = answers.get("tensorrt", Flavour)
        assert found == Flavour(reason="it crashed the process that loaded it (Aborted: no GPU lock)")
        assert answers.get("nvdec", Probed).loads


def test_an_end_without_an_answer(modules: Path) -> None:
    (modules / "tensorrt.py").write_text("import os\nos._exit(7)")
    with asked("tensorrt") as answers:
        reason = answers.get("tensorrt", Flavour).reason
    assert reason == "it crashed the process that loaded it (exit code 7)"


def test_a_hang(modules: Path) -> None:
    (modules / "tensorrt.py").write_text("import time\ntime.sleep(60)")
    start = time.monotonic()
    with asked("tensorrt", timeout_s=0.5) as answers:
        reason = answers.get("tensorrt", Flavour).reason
    assert reason == "it did not answer within 0.5 seconds"
    assert time.monotonic() - start < 20


@posix
def test_nobody_is_left_running(modules: Path) -> None:
    (modules / "tensorrt.py").write_text(
        "import os, pathlib, time\n"
        f"pathlib.Path({str(modules / 'pid')!r}).write_text(str(os.getpid()))\ntime.sleep(60)"
    )
    with pytest.raises(KeyboardInterrupt), asked("tensorrt"):
        while not (modules / "pid").exists() or not (modules / "pid").read_text():
            time.sleep(0.01)
        raise KeyboardInterrupt
    with pytest.raises(ProcessLookupError):
        os.kill(int((modules / "pid").read_text()), 0)
