"""What was measured on a GPU: a file of latencies, or an earlier run's `run.json` or `profile.json`."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trt_anime.errors import InputError
from trt_anime.runtime.devices.latencies import load_latencies
from trt_anime.runtime.output import RECORD

PROFILE = "profile.json"


@dataclass(frozen=True)
class Profile:
    """Measured times.

    Attributes:
        gpu: its name.
        source: the file, and what it is.
        stage_s: seconds a frame, by the stage's number.
        graph_s: seconds a run, by stage, model and graph, such as ``3 xmem key``.
        size: (width, height) of the frames it holds for; None where the file doesn't say.
        precision: by the stage's number, where the file says.
    """

    gpu: str
    source: str
    stage_s: dict[str, float]
    size: tuple[int, int] | None = None
    precision: dict[str, str] = field(default_factory=dict)
    graph_s: dict[str, float] = field(default_factory=dict)


def load_profile(path: Path) -> Profile:
    """Of a file, or of the folder that `profile` or `process` wrote.

    Raises InputError: it can't be read, is none of these files, or its run says nothing.
    """
    if path.is_dir():
        path = next((file for file in (path / PROFILE, path / RECORD) if file.is_file()), path / PROFILE)
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); name a profile") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({error}); correct it there") from error
    if isinstance(values, dict) and "stages" in values and "computed" in values:
        return _of_run(path, values)
    latencies = load_latencies(path)
    seconds = dict(latencies.seconds_per_run or {})
    graphs = {name: seconds.pop(name) for name in list(seconds) if " " in name}
    if isinstance(values, dict) and "kind" in values:
        return _of_profile(path, values, seconds, graphs)
    if isinstance(values, dict) and "passes" in values:
        return _of_chain(path, values, graphs)
    return Profile(latencies.gpu, f"{path.name}, latencies", seconds, graph_s=graphs)


def _of_chain(path: Path, values: dict[str, Any], graph_s: dict[str, float]) -> Profile:
    rows = [row for one in values["passes"] for row in one["networks"]]
    precision = {str(row["stage"]): str(row["origin"]["precision"]) for row in rows if row["runs"]}
    gpu = _gpu(path, str(values["device"]))
    source = f"{path.name}, a run of {values.get('computed')} frames"
    return Profile(gpu, source, {}, _size(values["input"]), precision, graph_s)


def _of_profile(
    path: Path, values: dict[str, Any], stage_s: dict[str, float], graph_s: dict[str, float]
) -> Profile:
    """Of `trt-anime profile`, of either kind; how long its runs took is known already."""
    try:
        device = f"{values['device']['name']} ({values['device']['title']})"
        ran = values["networks"] if values["kind"] == "chain" else values["stages"]
        precision = {str(row.get("stage", row.get("number"))): str(row["precision"]) for row in ran}
        size = _size(values["clip"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is no profile.json of this release ({error!r}); profile again"
        ) from error
    return Profile(_gpu(path, device), f"{path.name}, a profile", stage_s, size, precision, graph_s)


def _gpu(path: Path, device: str) -> str:
    name = re.fullmatch(r"cuda:\d+ \((.+)\)", device)
    if name is None:
        raise InputError(f"{path}: that run was on {device}, which says nothing of a GPU; give one's run")
    return name[1]


def _size(clip: dict[str, Any]) -> tuple[int, int]:
    return int(clip["width"]), int(clip["height"])


def _of_run(path: Path, values: dict[str, Any]) -> Profile:
    try:
        computed = int(values["computed"]) - int(values["resumed"])
        device = str(values["device"])
        stages = {str(stage["stage"]): float(stage["run_s"]) for stage in values["stages"]}
        precision = {str(stage["stage"]): str(stage["origin"]["precision"]) for stage in values["stages"]}
        size = _size(values["input"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is no run.json of this release ({error!r}); run again") from error
    if values.get("status") != "done" or computed <= 0:
        raise InputError(f"{path}: that run computed no frames, or wasn't done; give one that was")
    gpu = _gpu(path, device)
    seconds = {stage: run_s / computed for stage, run_s in stages.items()}
    return Profile(gpu, f"{path.name}, a run of {computed} frames", seconds, size, precision)
