"""`trt-anime doctor`, as typed; libraries that a test needs otherwise are doubles on the path."""

import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from tests.checkpoints.conftest import tiny_onnx
from tests.house.layout import ROOT
from tests.runtime.doctor.machines import CPU_ONLY, with_gpu
from tests.runtime.doctor.test_findings import NOTES, PROBLEMS
from trt_anime.cli import main
from trt_anime.cli.doctor.catalogue import model_states
from trt_anime.cli.doctor.text import text_of
from trt_anime.export import catalogue, checkpoints, graphs
from trt_anime.runtime.doctor import examine, facts, machine
from trt_anime.runtime.doctor.facts import EngineState, Facts, Report
from trt_anime.runtime.doctor.findings import findings_of

Capture = pytest.CaptureFixture[str]

NVML = """
class NVMLError(Exception): ...
NVML_ERROR_LIBRARY_NOT_FOUND, NVML_ERROR_DRIVER_NOT_LOADED = 12, 9
class Memory: free, total = 20_000_000_000, 24_000_000_000
nvmlInit = lambda: None
nvmlSystemGetDriverVersion = lambda: "550.54"
nvmlSystemGetCudaDriverVersion_v2 = lambda: 12040
nvmlDeviceGetCount = lambda: 1
nvmlDeviceGetHandleByIndex = lambda index: index
nvmlDeviceGetCudaComputeCapability = lambda handle: (8, 9)
nvmlDeviceGetName = lambda handle: "NVIDIA GeForce RTX 4090"
nvmlDeviceGetMemoryInfo = lambda handle: Memory
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine, "_PCI", tmp_path / "no bus")
    return tmp_path / "home"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Modules in this folder are found before the real ones; no NVIDIA driver's libraries answer."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    (folder / "pynvml.py").write_text(NVML.replace("nvmlInit = lambda: None", no_driver()))
    (folder / "cuda.py").write_text("raise ModuleNotFoundError(name='cuda')")
    return folder


def no_driver() -> str:
    return """
def nvmlInit():
    error = NVMLError("NVML Shared Library Not Found")
    error.value = 12
    raise error
"""


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *words])
    return int(ended.value.code or 0)


def examined(capsys: Capture) -> Report:
    """The report of `trt-anime doctor --json`, and nothing else on stdout."""
    code = run("--json")
    report = TypeAdapter(Report).validate_json(capsys.readouterr().out, strict=True, extra="forbid")
    assert code == (3 if report.problems else 0)
    return report


def test_this_machine_as_json(modules: Path, capsys: Capture) -> None:
    report = examined(capsys)
    assert report.schema == facts.SCHEMA and report.facts.machine.cores >= 1
    assert report.facts.onnxruntime.provider("CPUExecutionProvider")
    assert "no NVIDIA GPU" in " ".join(finding.what for finding in report.findings)
    assert not report.facts.cuda.installed and not report.facts.management.has_driver


def test_this_machine_as_text(modules: Path, capsys: Capture) -> None:
    code = run()
    out = capsys.readouterr().out
    assert out.startswith("trt-anime ") and "\x1b" not in out
    assert out.rstrip().endswith("No problem found.") == (code == 0)


def test_a_gpu_with_packages_for_cpus_and_an_old_driver(modules: Path, capsys: Capture) -> None:
    (modules / "pynvml.py").write_text(NVML)
    assert run() == 3
    out = capsys.readouterr().out
    assert "NVIDIA GeForce RTX 4090, sm89, 20.0 of 24.0 GB free" in out
    assert "driver 550.54 supports CUDA 12.4, too old" in " ".join(out.split())
    assert "the GPU isn't used, for want of cuda-python and" in out
    assert re.search(r"^     \$ .*pip install 'trt-anime\[gpu\]'$", out, re.MULTILINE)


def test_libraries_that_break_are_findings(modules: Path, capsys: Capture) -> None:
    (modules / "tensorrt_rtx.py").write_text("raise OSError('libtensorrt_rtx.so.1: cannot open')")
    (modules / "onnxruntime.py").write_text("import os\nos._exit(5)")
    (modules / "openvino.py").write_text("raise SystemExit(3)")
    report = examined(capsys)
    found = " ".join(problem.what for problem in report.problems)
    assert "TensorRT-RTX is installed but doesn't load (libtensorrt_rtx.so.1: cannot open)" in found
    assert "it crashed the process that loaded it (exit code 5)" in found
    assert "it wanted to end the process (3)" in found


def test_a_library_that_hangs(modules: Path) -> None:
    (modules / "openvino.py").write_text("import time\ntime.sleep(60)")
    report = examine.examine(models=tuple, graph_files=int, timeout_s=1)
    assert report.facts.openvino.reason == "it did not answer within 1 seconds"
    assert "did not answer" in " ".join(problem.what for problem in report.problems)


def test_a_catalogue_that_cannot_be_read(modules: Path, home: Path, capsys: Capture) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models/lock.json").write_text("broken")
    report = examined(capsys)
    (problem,) = (problem for problem in report.problems if problem.section == "models")
    assert "lock.json: can't be read; mend it, or delete it to pin anew" in problem.what


def test_a_disk_nearly_full(modules: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    usage = type("Usage", (), {"free": 1_000_000_000, "total": 2_000_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    report = examined(capsys)
    assert "has 1.0 GB left" in " ".join(problem.what for problem in report.problems)


def test_models_and_graphs(home: Path, tmp_path: Path) -> None:
    assert not any(model.here or model.graphs for model in model_states())
    (tmp_path / "tuned.onnx").write_bytes(tiny_onnx())
    row = catalogue.CATALOGUE["u2netp"]
    checkpoints.import_file(row, tmp_path / "tuned.onnx")
    state = next(model for model in model_states() if model.name == "u2netp")
    assert (state.here, state.own, state.hash, state.graphs) == (("onnx",), ("onnx",), "published", ())
    record = next(iter(checkpoints.stored(row).values()))
    path = graphs._paths(row, record.sha256)["matte"]
    path.parent.mkdir(parents=True)
    path.touch()
    assert next(model for model in model_states() if model.name == "u2netp").graphs == (path.name,)
    assert graphs.ensure("u2netp") == {"matte": path} == graphs.existing(row)


REPORTS: dict[str, Facts] = {name: row[0] for name, row in PROBLEMS.items()}
REPORTS |= {name: row[0] for name, row in NOTES.items()}
REPORTS |= {"good": CPU_ONLY, "good GPU": with_gpu()}
REPORTS["engine"] = replace(
    with_gpu(),
    engines=(EngineState(name="matte-u2netp", target="rtx-sm89", precision="fp16", state="usable"),),
)


@pytest.mark.parametrize("name", REPORTS)
def test_reports_survive_json_and_fit_a_terminal(name: str) -> None:
    report = Report(version="1", facts=REPORTS[name], findings=findings_of(REPORTS[name]))
    adapter = TypeAdapter(Report)
    assert adapter.validate_json(adapter.dump_json(report), strict=True, extra="forbid") == report
    lines = text_of(report).splitlines()
    assert [line for line in lines if len(line) > 80 and " $ " not in line] == []
    text = " ".join(" ".join(lines).split())
    for problem in report.problems:
        assert problem.what in text and problem.command in text and problem.cure in text
    assert text.endswith("No problem found.") == (not report.problems)


def test_every_field_is_documented() -> None:
    words = set(re.findall(r"`(\w+)`", (ROOT / "docs/doctor.md").read_text("utf-8")))
    kinds = [kind for kind in vars(facts).values() if isinstance(kind, type) and is_dataclass(kind)]
    assert {field.name for kind in kinds for field in fields(kind)} <= words
    assert set(get_args(facts.Level)) | set(get_args(facts.Section)) <= words
    assert f"| `schema` | {facts.SCHEMA} |" in (ROOT / "docs/doctor.md").read_text("utf-8")
