"""Timing caches are kept, checked and merged. The double keeps the rules that TensorRT documents."""

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.house.layout import ROOT
from trt_anime.engines import worker
from trt_anime.engines.compiler import Plan
from trt_anime.engines.library import Library
from trt_anime.engines.machine import system_here
from trt_anime.engines.manifest import Profile
from trt_anime.engines.targets import Target
from trt_anime.engines.timing_cache import TimingCache, file_here
from trt_anime.errors import EngineError
from trt_anime.files import read_checked, write_checked


class ILogger:
    ERROR, INTERNAL_ERROR, WARNING, INFO = range(4)


class Cache:
    """Kernel -> measured time. `world` stands for what a cache is bound to: GPU and TensorRT's build."""

    def __init__(self, world: str, times: dict[str, int]) -> None:
        self.world, self.times = world, times

    def combine(self, input_cache: "Cache", ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if input_cache.world != self.world:
            return False
        self.times = input_cache.times | self.times  # conflicting entries are skipped
        return True

    def serialize(self) -> memoryview | None:
        return memoryview(json.dumps([self.world, self.times]).encode())


class Config:
    """A builder's configuration in TensorRT 11, as far as timing caches go."""

    def __init__(self, log: Any, world: str = "h200") -> None:
        self._log, self._world = log, world
        self.cache: Cache | None = None
        self.makes = self.takes = True

    def create_timing_cache(self, serialized_timing_cache: bytes) -> Cache | None:
        if not self.makes:
            return None
        times: dict[str, int] = {}
        if serialized_timing_cache:
            world, times = json.loads(serialized_timing_cache)
            if world != self._world:
                self._log.log(ILogger.WARNING, "Failed to deserialize timing cache.")
                times = {}
        return Cache(self._world, times)

    def set_timing_cache(self, cache: Cache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch, "measurements of another GPU are of no use"
        self.cache = cache if self.takes else None
        return self.takes


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setitem(sys.modules, "tensorrt", SimpleNamespace(ILogger=ILogger))
    return Library("trt", subject="trt-sm90", advice={}, otherwise="look again")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".caches" / "timing.cache"


def build(library: Library, file: Path, *, measures: dict[str, int]) -> tuple[str, ...]:
    """One build; what it says."""
    config = Config(library.log)
    cache = TimingCache(library, config, file)
    assert config.cache
    config.cache.times |= measures
    return cache.kept()


def times(file: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads(read_checked(file) or b"[0, 0]")[1]
    return found


def test_what_was_measured_is_known_to_the_next_build(library: Library, file: Path) -> None:
    assert build(library, file, measures={"conv": 3}) == ()
    config = Config(library.log)
    TimingCache(library, config, file)
    assert config.cache and config.cache.times == {"conv": 3}


def test_two_builds_at_once_both_add(library: Library, file: Path) -> None:
    build(library, file, measures={"old": 1})
    one, two = Config(library.log), Config(library.log)
    first, second = TimingCache(library, one, file), TimingCache(library, two, file)
    assert one.cache and two.cache
    one.cache.times |= {"conv": 3, "both": 5}
    two.cache.times |= {"pool": 4, "both": 6}
    assert first.kept() == second.kept() == ()
    assert times(file) == {"old": 1, "conv": 3, "pool": 4, "both": 6}


def test_nothing_new_is_not_written_again(library: Library, file: Path) -> None:
    build(library, file, measures={"conv": 3})
    before = file.stat().st_ino
    build(library, file, measures={})
    assert file.stat().st_ino == before


@pytest.mark.parametrize("content", [b"", b"short", bytes(32) + b'["h200", {"conv": 3}]'])
def test_a_damaged_file_is_ignored_aloud(library: Library, file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    said = build(library, file, measures={"pool": 4})
    assert said == (f"{file}: is damaged and was ignored; kernels are measured again",)
    assert times(file) == {"pool": 4}


def test_one_flipped_bit(library: Library, file: Path) -> None:
    build(library, file, measures={"conv": 3})
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    (said,) = build(library, file, measures={})
    assert "is damaged and was ignored" in said


def test_a_file_of_another_gpu_is_ignored_aloud(library: Library, file: Path) -> None:
    write_checked(file, b'["h100", {"conv": 3}]')
    (said,) = build(library, file, measures={"pool": 4})
    assert said.startswith(f"{file}: does not fit and was ignored (trt-sm90: TensorRT made no timing cache")
    assert "Failed to deserialize timing cache" in said
    assert times(file) == {"pool": 4}


def test_what_can_not_be_combined_stays(library: Library, file: Path) -> None:
    config = Config(library.log)
    cache = TimingCache(library, config, file)
    write_checked(file, b'["h100", {"conv": 3}]')
    (said,) = cache.kept()
    assert said.endswith("(the timing cache was not kept)") and times(file) == {"conv": 3}


def test_a_build_is_worth_more_than_its_cache(
    library: Library, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cache, "serialize", lambda self: None)
    (said,) = build(library, file, measures={"conv": 3})
    assert "TensorRT gave no timing cache (it gave no reason)" in said and not file.exists()


def test_a_full_disk(library: Library, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(library, file, measures={"conv": 3})

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    (said,) = build(library, file, measures={"pool": 4})
    assert "can't be written (No space left on device)" in said
    assert times(file) == {"conv": 3}
    assert sorted(path.name for path in file.parent.iterdir()) == ["timing.cache", "timing.lock"]


@pytest.mark.parametrize(("lack", "words"), [("makes", "made no"), ("takes", "refused the")])
def test_a_library_without(library: Library, file: Path, lack: str, words: str) -> None:
    config = Config(library.log)
    setattr(config, lack, False)
    with pytest.raises(EngineError, match=f"TensorRT {words} timing cache"):
        TimingCache(library, config, file)


@pytest.fixture
def h200(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("TRT_ANIME_HOME", str(tmp_path))
    device = SimpleNamespace(name="NVIDIA H200", compute_capability=(9, 0))
    core = SimpleNamespace(Device=SimpleNamespace(get_all_devices=lambda: [device]))
    monkeypatch.setitem(sys.modules, "cuda.core", core)
    yield


def test_a_file_for_each_gpu_and_version(h200: None, tmp_path: Path) -> None:
    name = f"timing-{system_here()}-11.4.0.106-nvidia-h200.cache"
    assert file_here(Target("trt", 90), "11.4.0.106") == tmp_path / "engines" / ".caches" / name
    assert file_here(Target("trt", 100), "11.4") is None
    assert file_here(Target("rtx", 90), "1.7") is None


def test_it_goes_through_the_builders_process(
    h200: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real child, with a TensorRT that says what it was given."""
    (tmp_path / "tensorrt.py").write_text(CHILDS_TENSORRT)
    monkeypatch.setattr(worker, "_FIXED", {**worker._FIXED, "PYTHONPATH": str(tmp_path)})
    file = tmp_path / ".caches" / "timing.cache"

    def built() -> Plan:
        return worker.plan_from_onnx(
            b"graph",
            Target("trt", 90),
            Profile(64, 96, 4),
            on_progress=lambda share: None,
            timing_cache=file,
        )

    plan = built()
    assert (plan.engine, plan.notices) == (b"built with nothing", ())
    assert read_checked(file) == b"nothing+1"
    assert built().engine == b"built with nothing+1"
    file.write_bytes(b"damaged")
    plan = built()
    assert plan.engine == b"built with nothing"
    assert plan.notices == (f"{file}: is damaged and was ignored; kernels are measured again",)


CHILDS_TENSORRT = """
from types import SimpleNamespace

__version__ = "11.4"

class ILogger:
    ERROR, INTERNAL_ERROR, WARNING, INFO = range(4)

class IProgressMonitor:
    pass

class Cache:
    def __init__(self, data):
        self.data = data
    def serialize(self):
        return self.data

class Config:
    def clear_flag(self, flag):
        pass
    def create_timing_cache(self, data):
        return Cache(data or b"nothing")
    def set_timing_cache(self, cache, ignore):
        self.cache = cache
        return True
    def add_optimization_profile(self, profile):
        return 0

class Builder:
    def __init__(self, log):
        pass
    def create_network(self, flags):
        return SimpleNamespace(num_inputs=0)
    def create_builder_config(self):
        return Config()
    def create_optimization_profile(self):
        return object()
    def build_serialized_network(self, network, config):
        engine = b"built with " + config.cache.data
        config.cache.data += b"+1"
        return engine

OnnxParser = lambda network, log: SimpleNamespace(parse=lambda graph: True)
NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=0)
ProfilingVerbosity = SimpleNamespace(DETAILED=2)
BuilderFlag = SimpleNamespace(TF32=7)
"""


def test_an_order_without_one_does_not_mention_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a child is sent decides over addresses in it, and so over the bytes of TensorRT-RTX."""
    sent: list[dict[str, Any]] = []

    def send(pipe: object, message: dict[str, Any], payload: bytes = b"") -> None:
        sent.append(message)
        raise KeyError

    monkeypatch.setattr(worker, "_send", send)
    for file in (None, Path("x.cache")):
        with pytest.raises(KeyError):
            worker.plan_from_onnx(
                b"", Target("rtx", 89), Profile(64, 96, 4), on_progress=print, timing_cache=file
            )
    assert ["timing_cache" in order for order in sent] == [False, True]


@pytest.mark.parametrize(("ours", "name"), [(Cache, "ITimingCache"), (Config, "IBuilderConfig")], ids=str)
def test_the_double_has_nothing_that_the_library_lacks(ours: type, name: str) -> None:
    real = getattr(pytest.importorskip("tensorrt_rtx"), name)
    for attribute, member in vars(ours).items():
        if not attribute.startswith("_") and inspect.isfunction(member):
            documented = getattr(real, attribute).__doc__
            signature = re.search(rf"{attribute}\((self: .*)\) ->", documented)
            assert signature, documented
            wanted = re.findall(r", (\w+): ", signature[1])
            assert list(inspect.signature(member).parameters)[1:] == wanted


def test_two_processes_add_at_once(tmp_path: Path) -> None:
    """None loses what another measured, though all write one file."""
    code = """
import sys
from pathlib import Path
from tests.engines.test_timing_cache import Config, ILogger
from types import SimpleNamespace
sys.modules["tensorrt"] = SimpleNamespace(ILogger=ILogger)
from trt_anime.engines.library import Library
from trt_anime.engines.timing_cache import TimingCache
library = Library("trt", subject="x", advice={}, otherwise="")
for index in range(20):
    config = Config(library.log)
    cache = TimingCache(library, config, Path(sys.argv[2]))
    config.cache.times[f"{sys.argv[1]}-{index}"] = index
    assert cache.kept() == ()
"""
    file = tmp_path / "timing.cache"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, name, str(file)], stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        for name in ("a", "b")
    ]
    for child in children:
        assert (child.communicate()[1], child.returncode) == ("", 0)
    assert times(file).keys() == {f"{name}-{index}" for name in "ab" for index in range(20)}
