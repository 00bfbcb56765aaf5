"""`run.json`: what ran, on what, with which graph, how long, and how it ended."""

import json
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Protocol

from trt_anime.files import write_text
from trt_anime.runtime.cores import usable_cores
from trt_anime.runtime.devices.ram import processor
from trt_anime.runtime.media.frames import ClipInfo
from trt_anime.runtime.output import RECORD
from trt_anime.runtime.pipeline.batches import Tally
from trt_anime.runtime.pipeline.chain import Node
from trt_anime.runtime.pipeline.plan import Plan

SCHEMA = 2

Status = Literal["done", "interrupted", "failed"]

_PACKAGES = (
    "trt-anime",
    "onnxruntime",
    "onnxruntime-gpu",
    "av",
    "opencv-python-headless",
    "numpy",
    "fpng-py",
    "OpenEXR",
    "openvino",
    "cuda-python",
    "tensorrt-cu13",
    "tensorrt-rtx-cu13",
)


@dataclass
class StageRecord:
    """One stage's part of a run.

    Attributes:
        run_s: seconds on the device, summed over batches; batches may overlap.
        runs: batches of this run.
    """

    stage: str
    origin: dict[str, Any]
    info: dict[str, Any]
    parallel_runs: int
    threads_per_run: int
    run_s: float = 0.0
    runs: int = 0


@dataclass
class RunRecord:
    """Everything that `run.json` says. Rates are fractions as text: ``24000/1001``.

    Attributes:
        frames: in the results, those of an earlier run that was resumed included.
        computed: of these, the ones that went through the stages; the rest were held.
        resumed: of these, the ones that an earlier run had finished.
        shots: indices of frames that begin one.
        fps: frames of this run over the time it took.
        busy_s: seconds of work on the CPU per kind, summed over threads; they overlap.
        plan: the memory plan.
    """

    input: dict[str, Any]
    options: dict[str, Any]
    device: str
    stages: list[StageRecord]
    outputs: list[str]
    plan: list[str]
    notices: list[str]
    started: str
    machine: dict[str, Any]
    status: Status = "failed"
    error: str | None = None
    elapsed_s: float = 0.0
    frames: int = 0
    computed: int = 0
    resumed: int = 0
    fps: float = 0.0
    shots: list[int] = field(default_factory=list)
    busy_s: dict[str, float] = field(default_factory=dict)
    schema: int = SCHEMA

    def write(self, folder: Path) -> None:
        """Write `run.json`, whole or not at all. Raises OutputError."""
        fields = asdict(self)
        ordered = {
            name: fields.pop(name)
            for name in ("schema", "status", "error", "started", "elapsed_s", "frames", "fps")
        }
        write_text(folder / RECORD, json.dumps(ordered | fields, indent=2, ensure_ascii=False) + "\n")


def new_record(
    clip: ClipInfo, options: dict[str, Any], *, device: str, plan: Plan, outputs: list[Path]
) -> RunRecord:
    """A record of a run that starts now."""
    return RunRecord(
        input=input_facts(clip),
        options={name: plain(value) for name, value in options.items()},
        device=device,
        stages=[_stage_record(node) for node in plan.chain.nodes],
        outputs=[str(path) for path in outputs],
        plan=plan.lines(),
        notices=[],
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine_facts(),
    )


class Ending(Protocol):
    """What a record says of how its run ended."""

    status: Status
    error: str | None


@contextmanager
def ending(record: Ending) -> Iterator[None]:
    """Note in the record how the block ends, whichever way; its errors go on."""
    try:
        yield
        record.status = "done"
    except KeyboardInterrupt:
        record.status = "interrupted"
        raise
    except BaseException as error:
        record.error = str(error) or type(error).__name__
        raise


def note_work(record: RunRecord, tally: Tally, elapsed_s: float) -> None:
    """Bring `record` up to date with what this run has done."""
    record.elapsed_s = round(elapsed_s, 3)
    record.frames += tally.frames
    record.computed += tally.computed
    record.fps = round(tally.frames / elapsed_s, 3) if elapsed_s > 0 else 0.0
    for stage in record.stages:
        stage.run_s = round(tally.stage_s.get(stage.stage, 0.0), 3)
        stage.runs = tally.batches
    record.busy_s = {
        "decode": round(tally.decode_s, 3),
        "look ahead": round(tally.look_ahead_s, 3),
        "submit": round(tally.submit_s, 3),
        "encode": round(tally.encode_s, 3),
    }


def _stage_record(node: Node) -> StageRecord:
    session = node.session
    return StageRecord(
        stage=node.number,
        origin={name: plain(value) for name, value in asdict(session.origin).items()},
        info=asdict(session.info),
        parallel_runs=session.parallel,
        threads_per_run=session.threads_per_run,
    )


def input_facts(clip: ClipInfo) -> dict[str, Any]:
    """A clip as `run.json` has it."""
    facts = {name: plain(value) for name, value in asdict(clip).items()}
    if clip.frames is not None:
        facts["duration_s"] = round(float(clip.frames / clip.rate), 3)
    return facts


def plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, (Path, Fraction)) else value


def machine_facts() -> dict[str, Any]:
    """This machine as `run.json` has it."""
    return {
        "cpu": processor(),
        "usable_cores": usable_cores(),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
