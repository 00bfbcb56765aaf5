"""`make gpu-check` in parts: what is done stays done, and nothing passes that did not run."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import gpu_check
from benchmarks.bundle.installing import FROM_BUNDLE
from benchmarks.gpu import identity, running
from benchmarks.gpu.deadline import Deadline, OutOfTime
from benchmarks.gpu.findings import Finding, Found, Seen, StepError, Store, Table
from benchmarks.gpu.identity import Gpu, code_digest, gpu_here
from benchmarks.gpu.parts import GRACE_S, PARTS, Part
from benchmarks.gpu.report import page, state
from benchmarks.gpu.running import Context, Step, found_by, run_part, run_steps
from benchmarks.gpu_check import Ending
from trt_anime.errors import DownloadError, EngineError, MissingError

GPU = Gpu("NVIDIA Test 1", ("driver 580.1",), "580.1")
TABLE = Table("Speeds", "In words.", ("what", "ms"), [("copy", "1.5")])


class Clock:
    """Time goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def absent() -> Seen:
    raise MissingError("no TensorRT")


def unloaded() -> Seen:
    raise DownloadError("no source gave u2netp")


def without_package() -> Seen:
    raise ModuleNotFoundError("No module named 'onnx'", name="onnx")


def wrong() -> Seen:
    raise EngineError("differs")


def crashed() -> Seen:
    raise KeyError("frame")


def slower() -> Seen:
    raise StepError("it slowed down", [TABLE])


@pytest.mark.parametrize(
    ("check", "outcome", "words"),
    [
        (absent, "skipped", "no TensorRT"),
        (unloaded, "skipped", "no source gave u2netp"),
        (without_package, "skipped", "No module named 'onnx'; `make gpu-check"),
        (wrong, "failed", "differs"),
        (crashed, "failed", "KeyError: 'frame'"),
        (slower, "failed", "it slowed down"),
        (lambda: Seen("equal"), "passed", "equal"),
    ],
)
def test_outcomes(check: Callable[[], Seen], outcome: str, words: str) -> None:
    found = found_by(check)
    assert (found.outcome, found.words.startswith(words)) == (outcome, True)
    assert found.tables == ((TABLE,) if check is slower else ()) and found.measured.endswith("Z")


def test_our_own_missing_module_is_a_mistake() -> None:
    def mistake() -> Seen:
        raise ModuleNotFoundError("No module named 'trt_anime.export'", name="trt_anime.export")

    with pytest.raises(ModuleNotFoundError):
        found_by(mistake)


def test_a_part_keeps_what_it_measured_and_says_what_it_left_out(tmp_path: Path) -> None:
    clock, store = Clock(), Store(tmp_path)
    deadline = Deadline(100, clock=clock)

    def takes(seconds: float) -> Callable[[], Seen]:
        def run() -> Seen:
            clock.now += seconds
            return Seen(f"{seconds:g} s", (TABLE,))

        return run

    def given_up() -> Seen:
        raise OutOfTime

    steps = [
        Step("short", takes(30), least_s=10),
        Step("long", takes(60), least_s=80),
        Step("shorter", takes(60), least_s=60),
        Step("stopped", given_up),
        Step("last", takes(1), least_s=20),
    ]
    finding = Finding("soak", {})
    finding.plan([step.name for step in steps])
    run_steps(steps, finding, store, deadline)
    assert finding == store.read("soak")
    assert list(finding.steps) == ["short", "shorter"] and not finding.is_done
    assert finding.left == ["long", "stopped", "last"]
    assert finding.steps["short"].tables == (TABLE,)

    # The next run does those and no others.
    run_steps(steps, finding, store, Deadline(1000, clock=clock))
    assert finding.left == ["stopped"] and finding.steps["short"].words == "30 s"
    assert clock.now == 30 + 60 + 60 + 1


def test_each_step_is_on_disk_before_the_next_begins(tmp_path: Path) -> None:
    store = Store(tmp_path)
    seen: list[tuple[str, list[str]]] = []

    def look() -> Seen:
        found = store.read("soak")
        assert found is not None
        seen.append((found.running, list(found.steps)))
        return Seen("")

    finding = Finding("soak", {})
    run_steps([Step("one", look), Step("two", look)], finding, store, Deadline(100))
    assert seen == [("one", []), ("two", ["one"])]


def module_with(
    monkeypatch: pytest.MonkeyPatch, steps: Callable[[Context], list[Step]], *needs: str
) -> Part:
    """A part whose module is a double."""
    monkeypatch.setitem(sys.modules, "its.module", SimpleNamespace(steps=steps))
    return Part("soak", "words", "its.module", needs)


@pytest.mark.parametrize(
    ("needs", "steps", "words"),
    [
        (
            ("no_such_module", "json"),
            lambda context: [],
            f"needs no_such_module; {running.REMEDY}",
        ),
        (
            ("no_such.module",),
            lambda context: [],
            f"needs no_such.module; {running.REMEDY}",
        ),
        ((), lambda context: absent(), "no TensorRT"),
        ((), lambda context: [], "there is nothing here that it could run on"),
    ],
)
def test_a_part_that_cannot_run_is_skipped_with_the_reason(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    needs: tuple[str, ...],
    steps: Callable[[Context], list[Step]],
    words: str,
) -> None:
    store = Store(tmp_path)
    store.write(Finding("soak", {}))
    part = module_with(monkeypatch, steps, *needs)
    run_part(part, store, Context(Deadline(100), tmp_path))
    finding = store.read("soak")
    assert finding is not None and not finding.is_done
    assert [(found.outcome, found.words) for found in finding.steps.values()] == [("skipped", words)]

    # Once what it needs is there, its own steps take that one's place.
    monkeypatch.setattr(running, "lacking", lambda needs: [])
    finding.again()
    store.write(finding)
    part = module_with(monkeypatch, lambda context: [Step("real", lambda: Seen("well"))], *needs)
    run_part(part, store, Context(Deadline(100), tmp_path))
    found = store.read("soak")
    assert found is not None and list(found.steps) == ["real"] and found.is_done


def test_findings_hold_for_one_gpu_driver_versions_and_code(tmp_path: Path) -> None:
    store, key = Store(tmp_path), {"gpu": "a", "driver": "1", "versions": "x", "code": "y"}
    store.write(Finding("soak", key, ["one"], {"one": Found("passed", "well", tables=(TABLE,))}))
    assert store.read_for("soak", key).is_done
    for name in key:
        assert store.read_for("soak", {**key, name: "other"}).steps == {}
    (tmp_path / "soak.json").write_text("{")
    assert store.read_for("soak", key) == Finding("soak", key)


def test_code_is_another_when_any_module_is(tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "a.py").write_text("1")
    (tmp_path / "runtime" / "notes.md").write_text("1")
    first = code_digest(tmp_path)
    (tmp_path / "runtime" / "notes.md").write_text("2")
    assert code_digest(tmp_path) == first
    (tmp_path / "runtime" / "a.py").rename(tmp_path / "runtime" / "b.py")
    second = code_digest(tmp_path)
    (tmp_path / "runtime" / "b.py").write_text("2")
    assert len({first, second, code_digest(tmp_path)}) == 3


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a GPU, as far as its name goes."""
    monkeypatch.setenv(FROM_BUNDLE, "none")
    monkeypatch.setattr(gpu_check, "gpu_here", lambda: GPU)
    monkeypatch.setattr(Gpu, "key", {"gpu": GPU.name, "code": "1"})
    return tmp_path / "reports"


class Processes:
    """Runs no part, but leaves what one would; notes which were asked for."""

    def __init__(
        self, *endings: Ending, outcome: str = "passed", steps: tuple[str, ...] = ("one", "two")
    ) -> None:
        self.asked: list[str] = []
        self.left_s = 400.0
        self._endings, self._outcome, self._steps = list(endings), outcome, steps

    def __call__(self, part: Part, folder: Path, seconds: float) -> Ending:
        assert 0 < seconds <= part.limit_s and part.limit_s + GRACE_S < 540
        self.asked.append(part.name)
        store = Store(folder)
        finding = store.read(part.name)
        assert finding is not None and not finding.running
        finding.plan(self._steps)
        ending = self._endings.pop(0) if self._endings else Ending()
        for name in finding.left:
            finding.running, finding.running_left_s = name, self.left_s
            store.write(finding)
            if ending.words:
                return ending
            finding.steps[name] = Found(self._outcome, f"{name} was seen")  # type: ignore[arg-type]
        finding.running = ""
        store.write(finding)
        return ending


def test_the_same_command_again_does_what_is_not_done(
    reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--reports", str(reports)]
    first = Processes()
    assert gpu_check.main(["soak", "parity", *words], launch=first) == 0
    assert first.asked == ["soak", "parity"]
    rest = Processes()
    assert gpu_check.main(words, launch=rest) == 0
    assert rest.asked == [name for name in PARTS if name not in first.asked]
    nothing = Processes()
    assert gpu_check.main(words, launch=nothing) == 0
    assert nothing.asked == []
    assert "soak: is done already (2 passed); --again does it anew" in capsys.readouterr().out
    anew = Processes(outcome="failed")
    assert gpu_check.main(["soak", "--again", *words], launch=anew) == 1
    assert anew.asked == ["soak"]
    # A failure stays one, and stays in the exit code, until something changes.
    assert gpu_check.main(words, launch=nothing) == 1 and nothing.asked == []


def test_what_was_skipped_is_tried_again(reports: Path) -> None:
    words = ["tests", "--reports", str(reports)]
    assert gpu_check.main(words, launch=Processes(outcome="skipped")) == 0
    again = Processes()
    assert gpu_check.main(words, launch=again) == 0
    assert again.asked == ["tests"]


def test_other_code_has_everything_before_it(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["soak", "--reports", str(reports)]
    gpu_check.main(words, launch=Processes())
    monkeypatch.setattr(Gpu, "key", {"gpu": GPU.name, "code": "2"})
    after = Processes()
    gpu_check.main(words, launch=after)
    assert after.asked == ["soak"]


def test_a_step_that_ends_the_process_has_failed_and_the_others_run(reports: Path) -> None:
    processes = Processes(Ending("ended the process (signal 11)"))
    assert gpu_check.main(["device", "--reports", str(reports)], launch=processes) == 1
    finding = Store(reports / "nvidia-test-1").read("device")
    assert finding is not None and processes.asked == ["device", "device"]
    assert {name: found.outcome for name, found in finding.steps.items()} == {
        "one": "failed",
        "two": "passed",
    }
    assert finding.steps["one"].words == "ended the process (signal 11)"


@pytest.mark.parametrize(("left_s", "outcomes"), [(400.0, ["failed", "passed"]), (100.0, [])])
def test_a_step_that_is_stopped_hangs_only_if_it_had_the_time(
    reports: Path, left_s: float, outcomes: list[str]
) -> None:
    """Else it is left out, and has all the time when the command is given again."""
    processes = Processes(Ending("did not end in time", stopped=True))
    processes.left_s = left_s
    gpu_check.main(["device", "--reports", str(reports)], launch=processes)
    finding = Store(reports / "nvidia-test-1").read("device")
    assert finding is not None
    assert [found.outcome for found in finding.steps.values()] == outcomes
    assert finding.left == [name for name in ("one", "two") if name not in finding.steps]


def test_a_process_that_never_begins_is_a_failure(reports: Path) -> None:
    def broken(part: Part, folder: Path, seconds: float) -> Ending:
        return Ending("ended the process (exit code 1)")

    assert gpu_check.main(["device", "--reports", str(reports)], launch=broken) == 1
    finding = Store(reports / "nvidia-test-1").read("device")
    assert finding is not None and finding.steps["device"].outcome == "failed"


def test_the_page_claims_nothing_that_was_not_run(reports: Path) -> None:
    gpu_check.main(["soak", "--reports", str(reports)], launch=Processes())
    text = (reports / "nvidia-test-1.md").read_text()
    assert text.startswith("# GPU check on NVIDIA Test 1\n") and "- driver 580.1\n" in text
    for part in PARTS.values():
        words = "2 passed" if part.name == "soak" else "not run"
        assert f"| {part.name} | {part.what} | {words} |" in text
    assert "## parity" not in text and "| one | passed | one was seen |" in text


def test_page_of_a_part_that_ran_out_of_time() -> None:
    steps = {"one": Found("failed", "a | b\nc", 1.5, "now", (TABLE,)), "two": Found("skipped", "no onnx")}
    finding = Finding("soak", {}, ["one", "two", "three"], steps)
    assert state(finding) == "1 failed, 1 skipped, 1 left out" and state(None) == "not run"
    text = page(GPU, {"soak": finding})
    assert "| one | failed | a \\| b c | 1.5 | now |" in text
    assert "| three | not run | there was no time left; run `make gpu-check` again |" in text
    assert "### Speeds\n\nIn words.\n\n| what | ms |\n| --- | ---: |\n| copy | 1.5 |\n" in text


def test_without_a_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FROM_BUNDLE, "none")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(identity, "_by_cuda", lambda: None)
    assert gpu_check.main(["--reports", str(tmp_path / "reports")], launch=Processes()) == 0
    assert "none is claimed to pass" in capsys.readouterr().out
    assert not (tmp_path / "reports").exists()


def test_the_drivers_tool_names_the_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200, 580.159.04, 143771 MiB, 9.0'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    gpu = gpu_here()
    facts = ("compute capability 9.0, 143771 MiB", "driver 580.159.04")
    assert gpu == Gpu("NVIDIA H200", facts, "580.159.04")
    assert gpu is not None and gpu.slug == "nvidia-h200"
    assert gpu.key.keys() == {"gpu", "driver", "versions", "code"}


def test_unknown_parts_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu_check.main(["saok"]) == 2
    assert capsys.readouterr().out.startswith("error: saok: no such part; it is one of doctor, device")


def test_a_real_process_leaves_its_finding(tmp_path: Path) -> None:
    """The part that needs least, as the command runs it, in a rehearsal."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu_check", "--rehearse", "--reports", str(tmp_path), "doctor"],
        cwd=gpu_check.ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed: doctor: doctor: " in done.stdout
    values = json.loads((tmp_path / "rehearsal" / "doctor.json").read_text())
    assert values["steps"]["doctor"]["outcome"] == "passed" and values["planned"] == ["doctor"]
    assert "says nothing about any GPU" in (tmp_path / "rehearsal.md").read_text()


@pytest.mark.parametrize(
    ("script", "ending"),
    [
        ("pass", ""),
        ("raise SystemExit(3)", "ended the process (exit code 3)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended the process (signal 11)"),
    ],
)
def test_how_a_process_ended(script: str, ending: str) -> None:
    assert gpu_check.ending_of([sys.executable, "-c", script], 60) == Ending(ending)


def test_a_process_that_hangs_is_stopped_with_what_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    child = f"import time, pathlib; time.sleep(2); pathlib.Path({str(mark)!r}).touch()"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    ending = gpu_check.ending_of([sys.executable, "-c", script], 0.7)
    assert ending == Ending("did not end in time, and was stopped after 1 s", stopped=True)
    time.sleep(2.5)
    assert not mark.exists()


def test_an_interruption_keeps_what_was_found(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, words = Processes(), ["soak", "parity", "--reports", str(reports)]

    def interrupted(part: Part, folder: Path, seconds: float) -> Ending:
        if part.name == "parity":
            raise KeyboardInterrupt
        return first(part, folder, seconds)

    assert gpu_check.main(words, launch=interrupted) == 130
    assert "the same command goes on from there" in capsys.readouterr().out
    rest = Processes()
    assert gpu_check.main(words, launch=rest) == 0
    assert (first.asked, rest.asked) == (["soak"], ["parity"])


def test_make_hands_its_words_on() -> None:
    words = ["PARTS=soak parity", "AGAIN=1", "BUNDLE=/media/a b", "REPORTS=out"]
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "gpu-check", *words],
        cwd=gpu_check.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    line = " ".join(done.stdout.replace("\\\n", " ").split())
    assert line.endswith(
        "-m benchmarks.gpu_check soak parity --again --bundle '/media/a b' --reports 'out'"
    )


def test_parts_can_be_read_from_the_table() -> None:
    """Every module is there and gives steps; what a rehearsal leaves out needs a GPU."""
    import importlib

    for part in PARTS.values():
        assert callable(importlib.import_module(part.module).steps)
    assert [part.name for part in PARTS.values() if not part.rehearses] == ["device", "tests", "engines"]
