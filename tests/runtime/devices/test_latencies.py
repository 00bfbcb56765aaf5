"""Files of latencies: what is read, and what is said of a file that is wrong."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from trt_anime.errors import InputError
from trt_anime.runtime.devices.latencies import Latencies, load_latencies

WHOLE: dict[str, Any] = {
    "schema": 1,
    "gpu": "RTX 4090",
    "memory_bytes": 25757220864,
    "copy_in_bytes_per_s": 2.5e10,
    "copy_out_bytes_per_s": 20_000_000_000,
    "copy_within_bytes_per_s": 9e11,
    "concurrent_runs": 2,
    "seconds_per_run": {"2a": 0.004, "2b": 0},
}


def written(path: Path, values: object) -> Path:
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_reads_everything(tmp_path: Path) -> None:
    path = written(tmp_path / "rtx4090.json", WHOLE)
    latencies = load_latencies(path)
    assert latencies == Latencies(
        "RTX 4090", 25757220864, 2.5e10, 2e10, 9e11, 2, {"2a": 0.004, "2b": 0}, str(path)
    )
    assert latencies.run_s("2a") == 0.004
    assert [latencies.copy_s(10**10, way) for way in ("in", "out", "within")] == [0.4, 0.5, 10 / 900]


def test_what_is_left_out_takes_no_time(tmp_path: Path) -> None:
    few = {name: WHOLE[name] for name in ("schema", "gpu", "seconds_per_run")}
    latencies = load_latencies(written(tmp_path / "gpu.json", few))
    assert latencies.copy_s(10**10, "in") == latencies.copy_s(10**10, "out") == 0
    assert latencies.concurrent_runs == 1
    with pytest.raises(InputError, match=r"gpu\.json: says nothing of '3', only of 2a, 2b"):
        latencies.run_s("3")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, r'it needs "schema": 1'),
        ({"colour": 1}, "colour is missing or unknown; it takes"),
        ({"gpu": ""}, 'gpu is "", but should be a name'),
        ({"memory_bytes": 1.5}, "memory_bytes is 1.5, but should be a whole number, 1 or more"),
        ({"memory_bytes": True}, "memory_bytes is true"),
        ({"concurrent_runs": 0}, "concurrent_runs is 0"),
        ({"copy_in_bytes_per_s": 0}, "copy_in_bytes_per_s is 0, but should be a number of 1 or more"),
        ({"copy_out_bytes_per_s": "fast"}, 'copy_out_bytes_per_s is "fast"'),
        ({"copy_within_bytes_per_s": math.inf}, "copy_within_bytes_per_s is Infinity"),
        ({"seconds_per_run": {"2a": -1}}, "seconds_per_run is .* should be operations' names with seconds"),
        ({"seconds_per_run": {"2a": math.nan}}, "seconds_per_run is"),
        ({"seconds_per_run": {"2a": 1e300}}, "at most a day"),
        ({"seconds_per_run": [1]}, "seconds_per_run is"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = written(tmp_path / "odd.json", WHOLE | change)
    with pytest.raises(InputError, match=message) as raised:
        load_latencies(path)
    assert str(raised.value).startswith(f"{path}: ")


@pytest.mark.parametrize("missing", ["gpu", "seconds_per_run"])
def test_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    values = {name: value for name, value in WHOLE.items() if name != missing}
    with pytest.raises(InputError, match=f"{missing} is missing or unknown"):
        load_latencies(written(tmp_path / "odd.json", values))


def test_files_that_are_something_else(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"can't be read .*name a file of latencies"):
        load_latencies(tmp_path / "absent.json")
    with pytest.raises(InputError, match="can't be read"):
        load_latencies(tmp_path)
    (tmp_path / "text.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(InputError, match="is not JSON"):
        load_latencies(tmp_path / "text.json")
    with pytest.raises(InputError, match="is no file of latencies"):
        load_latencies(written(tmp_path / "list.json", [1]))
