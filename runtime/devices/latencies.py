"""How long work takes on a GPU that isn't here: a file for the `null` device.

    {
      "schema": 1,
      "gpu": "RTX 4090",
      "memory_bytes": 25757220864,
      "copy_in_bytes_per_s": 2.5e10,
      "copy_out_bytes_per_s": 2.4e10,
      "copy_within_bytes_per_s": 9e11,
      "concurrent_runs": 1,
      "seconds_per_run": {"2a": 0.004}
    }

``schema``, ``gpu`` and ``seconds_per_run`` must be there. What is left out takes no time, or has no end.
A run's seconds hold for the frame and batch size that they were measured at.

In ``seconds_per_run`` a name is a stage, such as ``2a``, or a graph: ``3 xmem key`` is stage, model and
graph. A graph goes by its own line. Where it has none, its stage's stands for all that its networks do
for a frame. The `run.json` of a run that computed is read as such a file too, and so is a `profile.json`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from trt_anime.errors import InputError

SCHEMA = 1

Direction = Literal["in", "out", "within"]

_MOST_S = 86400.0

_NEEDED = {"schema", "gpu", "seconds_per_run"}


@dataclass(frozen=True)
class Latencies:
    """What the `null` device goes by. As it stands without arguments, nothing takes any time.

    Attributes:
        gpu: its name, for people.
        memory_bytes: of the device.
        copy_in_bytes_per_s: from pinned to device memory.
        copy_out_bytes_per_s: from device to pinned memory.
        copy_within_bytes_per_s: from device to device memory.
        concurrent_runs: how many operations compute at once; a GPU that one of them fills has 1.
        seconds_per_run: by stage or graph, see above; None: every operation takes no time.
        source: the file, for messages.
    """

    gpu: str = "no GPU"
    memory_bytes: int = 1 << 50
    copy_in_bytes_per_s: float = math.inf
    copy_out_bytes_per_s: float = math.inf
    copy_within_bytes_per_s: float = math.inf
    concurrent_runs: int = 1
    seconds_per_run: Mapping[str, float] | None = None
    source: str = "latencies"

    def run_s(self, name: str) -> float:
        """Seconds that operation `name` takes. Raises InputError: the file doesn't say.

        A stage that has no line of its own goes by the one graph of it that has.
        """
        if self.seconds_per_run is None:
            return 0.0
        if name not in self.seconds_per_run:
            graphs = [key for key in self.seconds_per_run if key.startswith(f"{name} ")]
            if len(graphs) == 1:
                return self.seconds_per_run[graphs[0]]
            known = ", ".join(sorted(self.seconds_per_run)) or "nothing"
            raise InputError(
                f"{self.source}: says nothing of '{name}', only of {known}; measure it and add it to "
                "seconds_per_run"
            )
        return self.seconds_per_run[name]

    def graph_s(self, stage: str, model: str, graph: str, *, leads: bool) -> float | None:
        """Seconds of one run of a stage's graph; None: the file doesn't say.

        Args:
            leads: whether the graph's run stands for the stage's work on a frame, so that it takes what the
                file says of the stage as a whole; its other graphs take nothing then.
        """
        table = self.seconds_per_run
        if table is None:
            return 0.0
        if (own := table.get(f"{stage} {model} {graph}")) is not None:
            return own
        if stage in table:
            return table[stage] if leads else 0.0
        return None

    def copy_s(self, size_bytes: int, direction: Direction) -> float:
        """Seconds that a copy takes."""
        rates = {
            "in": self.copy_in_bytes_per_s,
            "out": self.copy_out_bytes_per_s,
            "within": self.copy_within_bytes_per_s,
        }
        return size_bytes / rates[direction]


def load_latencies(path: Path) -> Latencies:
    """Read a file of latencies, or what a run or a profile measured.

    Raises InputError: it can't be read, is neither, or says of no run how long it took.
    """
    from trt_anime.runtime.devices.measured import is_measured, latencies_of

    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); name a file of latencies") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({error}); correct it there") from error
    if is_measured(values):
        return latencies_of(path, values)
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise InputError(
            f'{path}: is no file of latencies that this version reads; it needs "schema": {SCHEMA}'
        )
    known = {field.name for field in fields(Latencies)} - {"source"} | {"schema"}
    if wrong := (_NEEDED - values.keys()) | (values.keys() - known):
        raise InputError(
            f"{path}: {', '.join(sorted(wrong))} is missing or unknown; it takes {', '.join(sorted(known))}"
        )
    del values["schema"]
    for name, value in values.items():
        _check(path, name, value)
    return Latencies(**values, source=str(path))


def _check(path: Path, name: str, value: Any) -> None:
    if name == "gpu":
        wanted, right = "a name", isinstance(value, str) and bool(value)
    elif name == "seconds_per_run":
        right = isinstance(value, dict) and all(
            _is_number(each) and 0 <= each <= _MOST_S for each in value.values()
        )
        wanted = "operations' names with seconds, 0 or more and at most a day"
    elif name in ("memory_bytes", "concurrent_runs"):
        wanted, right = "a whole number, 1 or more", type(value) is int and value >= 1
    else:
        wanted, right = "a number of 1 or more", _is_number(value) and value >= 1
    if not right:
        raise InputError(f"{path}: {name} is {json.dumps(value)}, but should be {wanted}")


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
