"""What a soak says: growth, clocks and speed, as NVIDIA's library or its tool tell them."""

import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.gpu.endurance import verdict
from benchmarks.gpu.part_soak import table_of
from benchmarks.gpu.readings import Reading, Watch, by_library, by_tool, from_tool, looker
from trt_anime.errors import MissingError

GB, MB = 10**9, 10**6
STEADY = [100.0] * 60


def readings(
    used: Sequence[float], clocks: Sequence[int] = (1980,) * 60, slowed: str = ""
) -> list[Reading]:
    return [
        Reading(
            float(second), int(bytes_), clock, 2619, 60 + second // 10, 400.0, (slowed,) if slowed else ()
        )
        for second, (bytes_, clock) in enumerate(zip(used, itertools.cycle(clocks), strict=False))
    ]


def test_steady_work_is_well() -> None:
    """Also where memory rises while it begins, and goes up and down by a little later."""
    used = [GB * min(1, 0.2 + second / 10) + (second % 3) * 2 * MB for second in range(60)]
    found = verdict(readings(used), STEADY, resident=[2 * GB] * 60)
    assert (found.failures, found.unknown, found.notes) == ((), (), ())
    assert "SM clock 1980 MHz at first, 1980 MHz at last" in found.facts
    assert "100.0 FPS at first, 100.0 at last" in found.facts and "65 °C at most" in found.facts


@pytest.mark.parametrize(("mb_a_look", "grows"), [(0.2, False), (2.0, True)])
def test_memory_that_grows_is_a_failure(mb_a_look: float, grows: bool) -> None:
    used = [GB + second * mb_a_look * MB for second in range(60)]
    on_gpu = verdict(readings(used), STEADY, resident=[GB] * 60)
    in_ram = verdict(readings([GB] * 60), STEADY, resident=list(map(int, used)))
    assert [words.partition(" grew")[0] for words in on_gpu.failures] == (["GPU memory"] if grows else [])
    assert [words.partition(" grew")[0] for words in in_ram.failures] == (["RAM"] if grows else [])


def test_memory_of_which_much_is_taken_may_vary_by_a_hundredth() -> None:
    used = [80 * GB + second * 10 * MB for second in range(60)]
    assert verdict(readings(used), STEADY, resident=[GB] * 60).failures == ()


def test_lower_clocks_are_told_with_their_reason_and_excuse_the_speed() -> None:
    clocks = [1980 - 10 * second for second in range(60)]
    speeds = [100.0 - 0.6 * second for second in range(60)]
    found = verdict(readings([GB] * 60, clocks, "thermal slowdown"), speeds, resident=[GB] * 60)
    assert found.failures == ()
    assert found.notes == (
        "the SM clock fell by 18% (thermal slowdown)",
        "the speed fell by 22%, with the clock",
    )


def test_a_speed_that_falls_by_itself_is_a_failure() -> None:
    speeds = [100.0 - 0.6 * second for second in range(60)]
    found = verdict(readings([GB] * 60), speeds, resident=[GB] * 60)
    assert found.failures == ("the speed fell by 22%, and the clocks didn't",)


def test_too_few_looks_judge_nothing() -> None:
    found = verdict(readings([GB, 2 * GB, 3 * GB]), [100.0, 50.0, 1.0])
    assert found.failures == () and len(found.unknown) == 3
    unseen = [replace(one, used_bytes=None, sm_mhz=None) for one in readings([GB] * 60)]
    found = verdict(unseen, STEADY, resident=[GB] * 60)
    assert found.unknown == ("GPU memory: 0 looks are too few to tell whether it grows",)


def test_a_table_of_a_long_soak_is_thinned() -> None:
    table = table_of("work", readings([GB] * 240), [float(stretch) for stretch in range(48)])
    assert len(table.rows) == 24 and all(len(row) == len(table.head) for row in table.rows)
    assert table.rows[-1][:4] == ("230", "46.0", "1000", "1980")


def test_a_line_of_the_drivers_tool() -> None:
    found = from_tool("2048, 1980, 2619, 61, 412.55, 0x0000000000000024\n", 3.0)
    reasons = ("power cap", "thermal slowdown")
    assert found == Reading(3.0, 2048 << 20, 1980, 2619, 61, 412.55, reasons)
    assert from_tool("[N/A], 1980, [N/A], [N/A], [N/A], Not Active", 0.0) == Reading(0.0, None, 1980)


def test_the_tool_is_asked_in_the_words_that_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older drivers call the reasons otherwise."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\ncase $1 in *clocks_event*) exit 2 ;; esac\n"
        "echo '10, 20, 30, 40, 50.0, 0x0000000000000001'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert by_tool(0)(1.0) == Reading(1.0, 10 << 20, 20, 30, 40, 50.0)
    tool.write_text("#!/bin/sh\nexit 9\n")
    with pytest.raises(MissingError, match="nvidia-smi doesn't answer"):
        by_tool(0)(1.0)


class FakeNvml:
    """The functions that are asked, under NVML's names."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    class NVMLError(Exception):
        pass

    def __init__(self, *, answers: bool = True) -> None:
        self._answers = answers

    def nvmlInit(self) -> None:  # noqa: N802
        if not self._answers:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        return f"gpu {index}"

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:  # noqa: N802
        return SimpleNamespace(used=5 * GB)

    def nvmlDeviceGetClockInfo(self, handle: str, kind: int) -> int:  # noqa: N802
        return {1: 1980, 2: 2619}[kind]

    def nvmlDeviceGetTemperature(self, handle: str, sensor: int) -> int:  # noqa: N802
        return 55

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:  # noqa: N802
        raise self.NVMLError("Not Supported")

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: str) -> int:  # noqa: N802
        return 0x8


def test_the_library_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    expected = Reading(2.0, 5 * GB, 1980, 2619, 55, None, ("hardware slowdown",))
    assert looker()(2.0) == expected and by_library(0)(2.0) == expected


def test_the_double_has_the_librarys_names() -> None:
    real = pytest.importorskip("pynvml")
    for name in (*vars(FakeNvml), "NVMLError"):
        if name.startswith(("nvml", "NVML")):
            assert hasattr(real, name), name


def test_where_nobody_tells_both_reasons_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(answers=False))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match=r"NVML: Driver Not Loaded; nvidia-smi: .*No such file"):
        looker()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(MissingError, match="needs nvidia-ml-py; pip install nvidia-ml-py; nvidia-smi"):
        looker()


def test_a_watch_looks_until_the_end_and_says_when_it_could_not() -> None:
    ticks = itertools.count()
    with Watch(Reading, lambda: float(next(ticks)), every_s=0.001) as watch:
        while len(watch.readings) < 3:
            time.sleep(0.001)
    count = len(watch.readings)
    assert [one.at_s for one in watch.readings] == list(map(float, range(count))) and watch.failure == ""

    def blind(at_s: float) -> Reading:
        raise MissingError("the GPU fell off the bus")

    with Watch(blind, float, every_s=0.001) as watch:
        pass
    assert (watch.readings, watch.failure) == ([], "the GPU fell off the bus")
