"""Where a stage graph's time goes, by the part that a node came from."""

import json
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.footage import Footage
from trt_anime.runtime.media.reader import open_source

PARTS = {"pre/": "prepare", "net/": "network", "post/": "finish"}
OTHER = "layout"  # what ONNX Runtime inserts and names itself: changes of memory layout around convolutions
WARM_UP = 1


def graph_times(graph: Path, footage: Footage, *, frames: int = 4) -> dict[str, float]:
    """Milliseconds a frame in one thread, by part of the graph, warm; one run at a time."""
    import onnxruntime as ort

    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_profiling = True
        options.log_severity_level = 3
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        count = 0
        with open_source(footage.png, threads=1) as source:
            for frame in islice(source, WARM_UP + frames):
                session.run(None, {"frame": frame.rgb[None]})
                count += 1
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    totals = dict.fromkeys([*PARTS.values(), OTHER], 0.0)
    for part, milliseconds in _node_times(_warm(events)):
        totals[part] += milliseconds / max(count - WARM_UP, 1)
    return totals


def _warm(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events after the first runs."""
    runs = sorted(event["ts"] + event["dur"] for event in events if event["name"] == "model_run")
    start = runs[WARM_UP - 1] if len(runs) > WARM_UP else 0
    return [event for event in events if event["ts"] >= start]


def _node_times(events: list[dict[str, Any]]) -> Iterator[tuple[str, float]]:
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            yield part_of(event["name"]), event["dur"] / 1000


def part_of(node: str) -> str:
    """The part of the graph that a node's name tells."""
    return next((part for prefix, part in PARTS.items() if prefix in node), OTHER)
