"""Latencies out of what was measured: the `run.json` of a run, the `profile.json` of a profile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from trt_anime.errors import InputError
from trt_anime.runtime.devices.latencies import Latencies

_ABOUT_STAGE = "stage "  # how a profile's figure of a stage begins


def is_measured(values: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether this is the JSON of a run or of a profile."""
    return isinstance(values, dict) and (
        ({"passes", "choices"} <= values.keys())
        or ({"stages", "computed"} <= values.keys())
        or ({"figures", "device"} <= values.keys())
    )


def latencies_of(path: Path, values: Mapping[str, Any]) -> Latencies:
    """Seconds of each network's run, as they came out on average (of a profile: in the median).

    A network that never ran has none. Where several runs went side by side, it is the time from the end of
    one to the end of the next, so that replaying them one after another takes as long.

    Raises InputError: it is of another release, of a run that computed nothing, or nothing ran in it.
    """
    try:
        device, seconds = _read(values)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: is no run.json or profile.json of this release ({error!r}); run again"
        ) from error
    if device.startswith("null"):
        raise InputError(f"{path}: is of a run on {device}, which measures nothing; give one that computed")
    if not seconds:
        raise InputError(
            f"{path}: no network ran there, so it says of none how long it takes; give a run from the start"
        )
    return Latencies(gpu=device, seconds_per_run=seconds, source=str(path))


def _read(values: Mapping[str, Any]) -> tuple[str, dict[str, float]]:
    if values.get("kind") == "chain":
        device = values["device"]
        return f"{device['name']} ({device['title']})", _means(_profiled(values))
    if "passes" in values:
        rows = [row for one in values["passes"] for row in one["networks"]]
        return str(values["device"]), _means(rows)
    if "figures" in values:
        device = values["device"]
        stages = [row for row in values["figures"] if str(row["name"]).startswith(_ABOUT_STAGE)]
        seconds = {str(row["name"]).removeprefix(_ABOUT_STAGE): row["p50_ms"] / 1000 for row in stages}
        return f"{device['name']} ({device['title']})", seconds
    seconds = {
        str(one["stage"]): one["run_s"] / one["runs"] / max(int(one["parallel_runs"]), 1)
        for one in values["stages"]
        if one["runs"]
    }
    return str(values["device"]), seconds


def _profiled(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Networks of a chain's profile as rows of a run's record: their medians."""
    pipeline = values["pipeline"] or {"stages": []}
    at_once = {str(stage["number"]): max(int(stage["parallel"]), 1) for stage in pipeline["stages"]}
    return [
        {**row, "run_s": row["runs"] * row["p50_ms"] / 1000, "at_once": at_once.get(str(row["stage"]), 1)}
        for row in values["networks"]
        if row["runs"]
    ]


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """By stage, model and graph, over all passes that a graph ran in."""
    runs: dict[str, float] = defaultdict(float)
    total_s: dict[str, float] = defaultdict(float)
    for row in rows:
        name = f"{row['stage']} {row['model']} {row['graph']}"
        runs[name] += float(row["runs"])
        total_s[name] += row["run_s"] / row["at_once"]
    return {name: total_s[name] / runs[name] for name in runs if runs[name]}
