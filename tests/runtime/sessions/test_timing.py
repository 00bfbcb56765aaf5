"""A session by itself gives what the graph gives."""

from pathlib import Path

import numpy as np
import pytest

from tests.calibration.toys import bright_frames, bright_matte, saved
from trt_anime.cli.calibrate.speed import cpu_speeds
from trt_anime.errors import EngineError, InputError
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.sessions.timing import timed_session

FRAME = bright_frames(1)[0][None]


@pytest.mark.parametrize("provider", ["onnxruntime", "openvino"])
def test_runs_for_real(tmp_path: Path, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(provider)
    graph = saved(bright_matte(), tmp_path)
    done: list[str] = []
    run_on = HostDevice.run

    def watched(self: HostDevice, *arguments: object, **options: object) -> None:
        done.append(str(options["name"]))
        run_on(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(HostDevice, "run", watched)
    with timed_session(graph, provider, {"frame": np.repeat(FRAME, 2, axis=0)}) as run:
        run()
        run()
    assert done == ["timing", "timing"]


def test_what_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no graph")
    with (
        pytest.raises((EngineError, InputError), match=r"text\.onnx"),
        timed_session(tmp_path / "text.onnx", "onnxruntime", {"frame": FRAME}),
    ):
        pass


def test_speeds_are_ratios_of_pairs(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    graph = saved(bright_matte(), tmp_path)
    said: list[str] = []
    speeds = cpu_speeds(graph, graph.read_bytes(), {"frame": FRAME}, say=said.append)
    assert said == []
    assert [speed.provider for speed in speeds] == ["onnxruntime", "openvino"]
    for speed in speeds:
        assert speed.seconds > 0 and speed.fp32_seconds > 0
        assert speed.low <= speed.ratio <= speed.high
    assert 0.2 < speeds[0].ratio < 5  # the same graph twice
