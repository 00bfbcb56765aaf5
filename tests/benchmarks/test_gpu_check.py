"""`make gpu-check` claims nothing that it didn't see, and its checks notice what they are for."""

# ruff: noqa: N802, N803 - the names are CUDA's

import ctypes
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from benchmarks.bundle.installing import FROM_BUNDLE
from benchmarks.gpu import measures, part_device, session, suite
from benchmarks.gpu.checks import CHECKS
from benchmarks.gpu.deadline import Deadline, OutOfTime
from benchmarks.gpu.findings import Finding, Store
from benchmarks.gpu.kernel import THREADS, halved
from benchmarks.gpu.measures import MEASURES
from benchmarks.gpu.parts import PARTS
from benchmarks.gpu.pipeline import HEIGHT, WIDTH, pipeline, random_frames, through
from benchmarks.gpu.running import Context, run_part
from tests.runtime.devices.cuda_fake import FakeDriver
from trt_anime.engines import builder, flavours
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import FlavourName, Target
from trt_anime.errors import EngineError, MissingError
from trt_anime.runtime.devices.cuda_device import CudaDevice
from trt_anime.runtime.devices.cuda_driver import load_driver
from trt_anime.runtime.devices.host import HostDevice
from trt_anime.runtime.pipeline.chain import Node
from trt_anime.runtime.sessions import tensorrt_engine
from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession
from trt_anime.runtime.stages import STAGES


class FakeGpu(FakeDriver):
    """Also runs the one kernel of the checks, and copies to and from memory that isn't pinned."""

    def cuMemcpyAsync(self, dst: int, src: int, ByteCount: int, hStream: int) -> None:
        self.put(hStream, lambda: ctypes.memmove(dst, src, ByteCount))

    def cuModuleLoadData(self, image: bytes) -> int:
        assert b".entry halve(" in image
        assert image.endswith(b"\0")
        return 1

    def cuModuleGetFunction(self, hmod: int, name: bytes) -> int:
        assert name == b"halve"
        return 2

    def cuLaunchKernel(
        self,
        f: int,
        gridDimX: int,
        gridDimY: int,
        gridDimZ: int,
        blockDimX: int,
        blockDimY: int,
        blockDimZ: int,
        sharedMemBytes: int,
        hStream: int,
        kernelParams: Any,
        extra: int,
    ) -> None:
        assert (gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ) == (1, 1, THREADS, 1, 1)
        (pointer, rounds), types = kernelParams
        assert types == (ctypes.c_void_p, ctypes.c_uint32)
        count = gridDimX * blockDimX

        def work() -> None:
            memory = (ctypes.c_float * count).from_address(pointer)
            values = np.frombuffer(memoryview(memory).cast("B"), np.float32)
            for _ in range(min(rounds, 40)):
                values *= np.float32(0.5)
                values += np.float32(1)

        self.clock += 10
        self.put(hStream, work)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    monkeypatch.setattr(measures, "_FRAME_BYTES", 4 * THREADS * 3)
    return FakeGpu(memory_bytes=200 << 20)


@pytest.fixture
def device(fake: FakeGpu) -> Iterator[CudaDevice]:
    with CudaDevice(driver=load_driver(fake)) as opened:
        yield opened


@pytest.mark.parametrize("name", CHECKS)
def test_checks_pass_where_all_is_well(device: CudaDevice, fake: FakeGpu, name: str) -> None:
    if name == "events":
        fake.answers["cuEventQuery"] = ["CUDA_ERROR_NOT_READY"]
    if name == "other libraries' arrays":
        with pytest.raises(MissingError, match="needs CuPy"):
            CHECKS[name](device)
    else:
        assert CHECKS[name](device)
        assert not fake.memory, "a check leaves nothing behind"


def _copies_nothing(fake: FakeGpu) -> None:
    fake.cuMemcpyAsync = lambda *arguments: None  # type: ignore[method-assign]


def _captures_nothing(fake: FakeGpu) -> None:
    fake.put = lambda handle, work: work()  # type: ignore[method-assign, assignment]


def _changes_nothing(fake: FakeGpu) -> None:
    fake.cuLaunchKernel = lambda *arguments: None  # type: ignore[method-assign]


def _allows_all(fake: FakeGpu) -> None:
    fake._forbidden_while_capturing = lambda: None  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("copies", _copies_nothing),
        ("threads", _copies_nothing),
        ("pipeline", _copies_nothing),
        ("streams in order", _changes_nothing),
        ("events", lambda fake: None),  # the fake's work is done at once: its mark is reached too early
        ("graphs", _captures_nothing),
        ("graphs", _changes_nothing),
        ("failed capture", _allows_all),
    ],
)
def test_checks_notice(
    device: CudaDevice, fake: FakeGpu, name: str, mistake: Callable[[FakeGpu], None]
) -> None:
    mistake(fake)
    with pytest.raises(EngineError):
        CHECKS[name](device)


def test_the_pipeline_check_keeps_the_order() -> None:
    """On the host device, which fails on any order that is left open."""
    with HostDevice() as host:
        assert pipeline(host).startswith("32 frames")


@pytest.mark.parametrize("name", MEASURES)
def test_measures(device: CudaDevice, fake: FakeGpu, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "_CEILING_BYTES", 1 << 20)
    table = MEASURES[name](device)
    assert all(len(row) == len(table.head) for row in table.rows)
    assert not fake.memory


def test_overlap_notices_a_wrong_frame(device: CudaDevice, fake: FakeGpu) -> None:
    _changes_nothing(fake)
    with pytest.raises(EngineError, match="came out wrong"):
        MEASURES["overlap"](device)


def test_overlap_notices_a_stale_frame(device: CudaDevice, fake: FakeGpu) -> None:
    """Every other one isn't copied in, so that the slot still holds an earlier one's result."""
    real, copies = FakeGpu.cuMemcpyAsync, 0

    def forgetful(dst: int, src: int, ByteCount: int, hStream: int) -> None:
        nonlocal copies
        comes_in = fake.memory[dst][0] == "device"
        copies += comes_in
        if not comes_in or copies % 2:
            real(fake, dst, src, ByteCount, hStream)

    fake.cuMemcpyAsync = forgetful  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="came out wrong"):
        MEASURES["overlap"](device)


def test_kernel_parameters_are_cudas() -> None:
    real = pytest.importorskip("cuda.bindings.driver", exc_type=ImportError)
    for name in ("cuLaunchKernel", "cuModuleLoadData", "cuModuleGetFunction"):
        words = getattr(real, name).__doc__.splitlines()[0].partition("(")[2].rstrip(")").split(", ")
        code = getattr(FakeGpu, name).__code__
        assert [word.split()[-1].lstrip("*") for word in words] == list(
            code.co_varnames[1 : code.co_argcount]
        )


@pytest.mark.parametrize("wrong", [False, True])
def test_session_check(tmp_path: Path, wrong: bool) -> None:
    """On the CPU, where orders are checked; and it notices a session that computes something else."""
    graph = session.small_graph(tmp_path / "small.onnx")
    reference = ort.InferenceSession(str(graph))
    with HostDevice() as host, OrtCpuSession(graph, host, threads=1, name="check") as opened:
        if not wrong:
            assert session.compared(host, opened, reference).startswith("8 frames, CPUExecutionProvider")
            return
        other = SimpleNamespace(
            run=lambda outputs, given: [np.asarray(reference.run(outputs, given)[0]) // 2]
        )
        with pytest.raises(EngineError, match="frames differ from ONNX Runtime's own by"):
            session.compared(host, opened, other)


def test_a_refused_capture_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the report where the session announced it, and a failure where it didn't."""
    graph = session.small_graph(tmp_path / "small.onnx")
    reference = ort.InferenceSession(str(graph))
    with HostDevice() as host, OrtCpuSession(graph, host, threads=1, name="check") as opened:
        found = through(host, [Node(STAGES["2a"], opened)], random_frames(8))[0]
        notice = "stage 2a runs without a CUDA graph: its allocations"
        monkeypatch.setattr(session, "through", lambda *arguments: (found, [notice]))
        with pytest.raises(EngineError, match=f"^{notice}$"):
            session.compared(host, opened, reference)
        opened.why_not_captured = "its allocations"
        assert session.compared(host, opened, reference).endswith(f"of 255 at most; {notice}")


def test_tensorrt_rtx_where_it_has_no_target(fake: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    with CudaDevice(driver=load_driver(fake)) as device:
        device.info = replace(device.info, capability=90)
        with pytest.raises(MissingError, match="TensorRT-RTX has no target for sm90"):
            session.engine_on_cuda(device, flavour="rtx")


@pytest.mark.parametrize("flavour", ["trt", "rtx"])
def test_engine_check(device: CudaDevice, monkeypatch: pytest.MonkeyPatch, flavour: FlavourName) -> None:
    """It builds for this GPU, in one batch of the check's own frames, and says how many layers ran."""
    asked: list[Any] = []

    def built(graph: Any, target: Target, *, profile: Profile, **options: Any) -> Any:
        asked.extend([target.name, (profile.height, profile.width, profile.max_batch)])
        return SimpleNamespace(entry="entry")

    @contextmanager
    def opened(entry: str, device: CudaDevice, *, name: str) -> Iterator[Any]:
        yield SimpleNamespace(
            layer_information=lambda: '{"Layers": ["a", "b"]}', notices=["takes no cache"]
        )

    monkeypatch.setattr(builder, "engine_from_graph", built)
    monkeypatch.setattr(flavours, "native_target", lambda: Target("trt", 89))
    monkeypatch.setattr(tensorrt_engine, "TensorRtSession", opened)
    monkeypatch.setattr(session, "compared", lambda *arguments: "8 frames")
    words = session.engine_on_cuda(device, flavour=flavour)
    assert words == "8 frames; 2 layers; takes no cache"
    assert asked == [f"{flavour}-sm89", (HEIGHT, WIDTH, 1)]


@pytest.mark.parametrize("off", [0, 1])
def test_polygraphy_check(monkeypatch: pytest.MonkeyPatch, off: int) -> None:
    """It runs the very engine, and notices one byte."""

    class Runner:
        def __init__(self, engine: object) -> None:
            assert engine == b"loaded engine"

        def __enter__(self) -> "Runner":
            return self

        def __exit__(self, *error: object) -> None: ...

        def infer(self, feed_dict: dict[str, Any]) -> dict[str, Any]:
            outputs = {"rgba": ~feed_dict["frame"]}
            outputs["rgba"].flat[-1] += off
            return outputs

    real = pytest.importorskip("polygraphy.backend.trt")
    for name in ("EngineFromBytes", "TrtRunner"):
        assert callable(getattr(real, name))
    assert "feed_dict" in inspect.signature(real.TrtRunner.infer).parameters
    fake = SimpleNamespace(EngineFromBytes=lambda engine: b"loaded " + engine, TrtRunner=Runner)
    monkeypatch.setitem(sys.modules, "polygraphy.backend.trt", fake)

    def ours(inputs: dict[str, Any]) -> dict[str, Any]:
        return {"rgba": ~inputs["frame"]}

    if not off:
        assert session.same_by_polygraphy(ours, b"engine") == "4 frames, every byte the same"
        return
    with pytest.raises(EngineError, match="`rgba` of frame 0 isn't what Polygraphy's runner gives"):
        session.same_by_polygraphy(ours, b"engine")


def test_halved() -> None:
    assert [halved(0, rounds) for rounds in range(4)] == [0, 1, 1.5, 1.75]


def test_device_part_leaves_nothing_behind(
    fake: FakeGpu, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All its steps on one device, each with its finding; at the end everything is freed."""
    fake.answers["cuEventQuery"] = ["CUDA_ERROR_NOT_READY"]
    driver = load_driver(fake)
    monkeypatch.setattr(part_device, "CudaDevice", lambda ordinal: CudaDevice(ordinal, driver=driver))
    monkeypatch.setattr(part_device, "session_on_cuda", lambda device: f"8 frames on {device.name}")
    monkeypatch.setattr(part_device, "engine_on_cuda", lambda device, flavour: f"8 frames, {flavour}")
    monkeypatch.setattr(part_device, "polygraphy_on_cuda", lambda device: "4 frames")
    monkeypatch.setattr(measures, "_CEILING_BYTES", 1 << 20)
    store = Store(tmp_path)
    store.write(Finding("device", {}))
    run_part(PARTS["device"], store, Context(Deadline(600), tmp_path))
    finding = store.read("device")
    assert finding is not None and not finding.left and (fake.left, fake.retained) == (0, 0)
    found = {name: one.outcome for name, one in finding.steps.items()}
    assert found.pop("other libraries' arrays") == "skipped"
    assert set(found.values()) == {"passed"}
    assert {*CHECKS, *MEASURES, "session", "TensorRT engine", "closing"} - {
        "other libraries' arrays"
    } <= set(found)
    titles = {table.title for one in finding.steps.values() for table in one.tables}
    assert titles == {
        "Copies and compute at once",
        "Graph against no graph",
        "Pinned against pageable memory",
        "Ceilings",
    }


def test_tests_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "NEEDS", ("pytest", "no_such_module"))
    with pytest.raises(MissingError, match="needs no_such_module; `make gpu-check GPU=native`"):
        suite.run_tests("tests")


@pytest.mark.parametrize(
    ("body", "outcome"), [("assert True", "1 passed"), ("assert False", "1 failed .*FAILED test_it.py")]
)
def test_tests_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, outcome: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(f"def test_it():\n    {body}\n")
    monkeypatch.setattr(suite, "ROOT", tmp_path)
    monkeypatch.setattr(suite, "FOLDERS", ("tests", "absent"))
    monkeypatch.setattr(suite, "NEEDS", ("pytest",))
    [step] = suite.steps(Context(Deadline(60), tmp_path))
    if body == "assert True":
        assert outcome in step.run().words
    else:
        with pytest.raises(EngineError, match=r"1 failed.*FAILED tests/test_it.py"):
            step.run()


def test_tests_that_take_too_long_are_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import time\ndef test_it():\n    time.sleep(60)\n")
    monkeypatch.setattr(suite, "ROOT", tmp_path)
    monkeypatch.setattr(suite, "NEEDS", ("pytest",))
    with pytest.raises(OutOfTime):
        suite.run_tests("test_it.py", timeout_s=0.5)


BARE = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None
import benchmarks.gpu_check
sys.exit(benchmarks.gpu_check.main([]))
"""


def test_bare_machine(tmp_path: Path) -> None:
    """Nothing but Python: it starts, and says what it misses."""
    blocked = (
        "av",
        "cv2",
        "onnx",
        "onnxruntime",
        "pydantic",
        "typer",
        "rich",
        "cuda",
        "cupy",
        "spox",
        "numpy",
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BARE, *blocked],
        cwd=suite.ROOT,
        env={"PATH": str(tmp_path), FROM_BUNDLE: "none"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "none is claimed to pass" in done.stdout
