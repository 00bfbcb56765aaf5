"""What commands measure is what figures are made of, and a disturbed machine is told."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import convolutions, demo, overhead, overlap, startup
from benchmarks.figures import FIGURES
from benchmarks.int8_pairs import WAYS, table
from benchmarks.profile_cost import Cost, line


def printed(run: Any, words: list[str], monkeypatch: Any, capsys: Any) -> dict[str, Any]:
    """The record that a command prints."""
    monkeypatch.setattr(sys, "argv", ["command", *words])
    run()
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    return content


def test_overlap(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--frames", "4", "--rounds", "2", "--part-ms", "1"]
    content = printed(overlap.main, words, monkeypatch, capsys)
    assert re.fullmatch(
        r"parts of 1 ms: [\d.]+ ms a frame against [\d.]+ one after another,"
        r" \*\*[\d.]+.\*\* .*% above the slowest part",
        FIGURES["overlap"](lambda name: content),
    )


def test_overhead(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    affinity = {"keep_to_cores": lambda cores: None}  # of this process, which runs other tests, too
    for name, instead in affinity.items():
        monkeypatch.setattr(overhead, name, instead)
    content = printed(overhead.main, ["--frames", "2", "--rounds", "1"], monkeypatch, capsys)
    words = FIGURES["overhead"](lambda name: content)
    assert re.match(r"empty layers \*\*\d+ FPS\*\* .*; drawn layers \*\*\d+ FPS\*\*", words)
    rows = FIGURES["overhead-parts"](lambda name: content).splitlines()
    assert len(rows) == 2 + 7 + 1 and rows[-1].startswith("| all together, drawn |")


def test_startup(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    content = printed(startup.main, ["--rounds", "1"], monkeypatch, capsys)
    seconds = content["help_s"]["median"]
    assert seconds > 0.02
    quiet = FIGURES["startup"](lambda name: content | {"others": 0.01})
    assert quiet == f"{seconds:.2f} to {seconds:.2f} s"
    busy = FIGURES["startup"](lambda name: content | {"others": 0.5})
    assert busy == f"{quiet} (**the machine was not quiet**)"


def test_convolutions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(convolutions, "SHAPES", {"small": (128, 130, 7, 9)})
    content = printed(convolutions.main, ["--rounds", "1"], monkeypatch, capsys) | {"others": 0.0}
    [row] = content["convolutions"]
    assert 0 < row["apart"] < 2e-4  # other sums, and near
    line = FIGURES["convolutions"](lambda name: content).strip().splitlines()[-1]
    assert re.fullmatch(r"\| small \| 128.130.7.9 \| .* \| .* \| \*\*[\d.]+ \(.*\)\*\* \|", line)


def test_demo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(words: list[str], **given: Any) -> None:
        """Clones an empty folder, and makes nothing but the record of a run."""
        if words[0] == "git":
            Path(words[-1]).mkdir()
            return
        assert words == ["make", "demo"] and "PYTHONPATH" not in given["env"]
        assert Path(given["env"]["TRT_ANIME_HOME"]).parent == given["cwd"].parent
        passes = [{"name": "plate", "run_s": 2.04}, {"name": "matte", "run_s": 5.0}]
        record = {"frames": 96, "elapsed_s": 8.0, "fps": 12.0, "passes": passes}
        (given["cwd"] / "out" / "demo").mkdir(parents=True)
        (given["cwd"] / "out" / "demo" / "run.json").write_text(json.dumps(record))

    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setattr("benchmarks.demo.subprocess.run", run)
    content = printed(demo.main, [], monkeypatch, capsys) | {"others": 0.0}
    assert FIGURES["demo"](lambda name: content) == "8.0 s, 12.00 FPS; seconds: mattes 5.0, plates 2.0"
    assert FIGURES["make-demo"](lambda name: content) == "0 s"


def test_int8() -> None:
    rows = [
        {"way": way.name, "ms": spread(200 / ratio), "ratio": spread(ratio)}
        for way, ratio in zip(WAYS, (1, 1.1, 2, 1.8), strict=True)
    ]
    sizes = {size: {"frames": 96, "rounds": 3, "rows": rows} for size in ("720p", "1080p")}
    content = {"date": "2026-01-02T03:04Z", "machine": "m", "versions": "v", "sizes": sizes}
    assert FIGURES["int8"](lambda name: content) == (
        "100 against 200 ms a frame, **2.00×** (1.90–2.10) with ONNX Runtime; 1080p 2.00×"  # noqa: RUF001
    )
    text = FIGURES["int8-table"](lambda name: content)
    assert "| INT8, ONNX Runtime | 100 (100–100), **2.00×** (1.90–2.10) |" in text  # noqa: RUF001
    assert "| FP32, ONNX Runtime | 200 (200–200) |" in text  # noqa: RUF001
    assert table(rows).count("\n") == 5


def test_costs() -> None:
    content = Cost("cpu", (1.01, 1.01, 1.01), (1.0, 1.0, 1.0), own=0.002).content()
    same = "(3 rounds from +1.00% to +1.00%, mean within +1.00% and +1.00%)"
    assert line("cpu", content).startswith(
        f"cpu: under 2%: +1.00% {same} of a run's time, +0.00% (3 rounds"
    )
    assert line("cpu", content).endswith("0.20% of CPU time in the recorder's own functions")
    record = {"devices": {"cpu": content, "chain": content}, "others": 0.01}
    said = "+1.0 % of a run's time (mean between +1.0 and +1.0 %)"
    quiet = FIGURES["profile-cost"](lambda name: record)
    assert quiet == f"stage 2a {said}; all stages without networks {said}"
    busy = FIGURES["profile-cost"](lambda name: record | {"others": 0.4})
    assert busy == f"{quiet} (**the machine was not quiet**)"


def spread(middle: float) -> dict[str, float]:
    return {"median": middle, "low": middle - 0.1, "high": middle + 0.1}
