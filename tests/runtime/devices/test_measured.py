"""Runs and profiles as latencies."""

import json
from pathlib import Path
from typing import Any

import pytest

from trt_anime.errors import InputError
from trt_anime.runtime.devices.latencies import load_latencies


def row(graph: str, runs: int, run_s: float, at_once: int = 1, stage: str = "1") -> dict[str, Any]:
    return {"stage": stage, "model": "m", "graph": graph, "runs": runs, "run_s": run_s, "at_once": at_once}


def chain(**changed: Any) -> dict[str, Any]:
    passes = [
        {"networks": [row("matte", 10, 4.0, at_once=2, stage="2a")]},
        {"networks": [row("image", 1, 0.2), row("mask", 4, 0.4)]},
        {"networks": [row("image", 3, 1.0), row("mask", 0, 0.0)]},
        {"networks": [row("inpaint", 0, 0.0, stage="2c")]},
    ]
    return {"schema": 3, "choices": {}, "device": "cuda:0 (NVIDIA L4)", "passes": passes} | changed


def written(path: Path, values: object) -> Path:
    path.write_text(json.dumps(values))
    return path


def test_a_graph_takes_what_it_took_on_average_over_all_passes(tmp_path: Path) -> None:
    found = load_latencies(written(tmp_path / "run.json", chain()))
    assert found.gpu == "cuda:0 (NVIDIA L4)"
    assert found.seconds_per_run == pytest.approx({"2a m matte": 0.2, "1 m image": 0.3, "1 m mask": 0.1})
    assert found.run_s("2a") == 0.2, "a stage with one graph goes by that"
    assert found.graph_s("2c", "m", "inpaint", leads=True) is None, "it never ran"


def test_a_stage_alone_and_a_profile_are_latencies_too(tmp_path: Path) -> None:
    stage = {"stage": "2a", "run_s": 3.0, "runs": 10, "parallel_runs": 2}
    run = {"schema": 2, "computed": 10, "device": "cpu (a CPU)", "stages": [stage]}
    assert load_latencies(written(tmp_path / "run.json", run)).seconds_per_run == pytest.approx(
        {"2a": 0.15}
    )
    figures = [{"name": "decode", "p50_ms": 1.0}, {"name": "stage 2a", "p50_ms": 4.0}]
    profile = {"schema": 1, "device": {"name": "cuda:0", "title": "L4"}, "figures": figures}
    found = load_latencies(written(tmp_path / "profile.json", profile))
    assert (found.gpu, found.seconds_per_run) == ("cuda:0 (L4)", {"2a": 0.004})


def chain_profile() -> dict[str, Any]:
    """As much of one as is read."""

    def network(stage: str, graph: str, runs: float, p50_ms: float) -> dict[str, Any]:
        about = {"stage": stage, "model": "m", "graph": graph, "precision": "fp16"}
        return about | {"name": f"m {graph}", "runs": runs, "p50_ms": p50_ms}

    return {
        "schema": 2,
        "kind": "chain",
        "choices": {},
        "clip": {"height": 1080},
        "device": {"name": "cuda:0", "title": "NVIDIA L4"},
        "passes": [{"name": "matte", "networks": ["m matte"]}],
        "figures": [],
        "networks": [
            network("2a", "matte", 60, 8.0),
            network("1", "image", 2.5, 10.0),
            network("1", "image", 7.5, 30.0),
            network("2c", "inpaint", 0, 0.0),
        ],
        "pipeline": {"stages": [{"number": "2a", "parallel": 2}]},
    }


def test_a_profile_of_the_chain_is_latencies_too(tmp_path: Path) -> None:
    found = load_latencies(written(tmp_path / "profile.json", chain_profile()))
    assert found.gpu == "cuda:0 (NVIDIA L4)"
    assert found.seconds_per_run == pytest.approx({"2a m matte": 0.004, "1 m image": 0.025})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"device": "null (L4)"}, "which measures nothing"),
        ({"passes": []}, "no network ran there"),
        ({"passes": [{}]}, "is no run.json or profile.json of this release"),
        ({"passes": [{"networks": [{"model": "m", "graph": "matte"}]}]}, "of this release"),
    ],
)
def test_what_measures_nothing_is_refused(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    path = written(tmp_path / "run.json", chain(**changed))
    with pytest.raises(InputError, match=words) as caught:
        load_latencies(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_stages_line_is_for_the_graph_that_leads(tmp_path: Path) -> None:
    values = {"schema": 1, "gpu": "a GPU", "seconds_per_run": {"3": 0.5, "3 xmem value": 0.25}}
    found = load_latencies(written(tmp_path / "l.json", values))
    asked = {
        graph: found.graph_s("3", "xmem", graph, leads=graph == "key") for graph in ("key", "read", "value")
    }
    assert asked == {"key": 0.5, "read": 0.0, "value": 0.25}
    assert found.graph_s("4", "clip-b32", "embed", leads=True) is None
