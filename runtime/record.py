"""`run.json`: what ran, on what, with which graph, how long, and how it ended."""

import json
import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from trt_anime.files import write_text
from trt_anime.runtime.media.frames import ClipInfo
from trt_anime.runtime.pipeline import Tally
from trt_anime.runtime.session import Session, usable_cores

SCHEMA = 1
FILE_NAME = "run.json"

Status = Literal["done", "interrupted", "failed"]

_PACKAGES = (
    "trt-anime",
    "onnxruntime",
    "onnxruntime-gpu",
    "av",
    "opencv-python-headless",
    "numpy",
    "fpng-py",
)


@dataclass
class StageRecord:
    """One stage's part of a run.

    Attributes:
        busy_s: seconds of work per kind, summed over its threads; they overlap, so their sum is
            more than the time that passed.
    """

    stage: str
    graph: str
    graph_sha256: str
    graph_info: dict[str, Any]
    provider: str
    parallel_runs: int
    threads_per_run: int
    output: str
    frames: int = 0
    fps: float = 0.0
    busy_s: dict[str, float] = field(default_factory=dict)


@dataclass
class RunRecord:
    """Everything that `run.json` says. Rates are fractions as text: ``24000/1001``."""

    input: dict[str, Any]
    options: dict[str, Any]
    stages: list[StageRecord]
    notices: list[str]
    started: str
    machine: dict[str, Any]
    status: Status = "failed"
    error: str | None = None
    elapsed_s: float = 0.0
    schema: int = SCHEMA

    def write(self, folder: Path) -> None:
        """Write `run.json`, whole or not at all. Raises OutputError."""
        fields = asdict(self)
        ordered = {name: fields.pop(name) for name in ("schema", "status", "error", "started", "elapsed_s")}
        write_text(folder / FILE_NAME, json.dumps(ordered | fields, indent=2, ensure_ascii=False) + "\n")


def new_record(clip: ClipInfo, options: dict[str, Any], stages: list[StageRecord]) -> RunRecord:
    """A record of a run that starts now."""
    return RunRecord(
        input=_input_facts(clip),
        options=options,
        stages=stages,
        notices=[],
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=_machine(),
    )


def stage_record(stage: str, session: Session, output: Path) -> StageRecord:
    return StageRecord(
        stage=stage,
        graph=str(session.graph),
        graph_sha256=session.graph_sha256,
        graph_info=asdict(session.info),
        provider=session.provider,
        parallel_runs=session.parallel,
        threads_per_run=session.threads_per_run,
        output=str(output),
    )


def note_work(stage: StageRecord, tally: Tally, elapsed_s: float) -> None:
    """Bring `stage` up to date with what the pipeline has done."""
    stage.frames = tally.frames
    stage.fps = round(tally.frames / elapsed_s, 3) if elapsed_s > 0 else 0.0
    stage.busy_s = {
        "decode": round(tally.decode_s, 3),
        "infer": round(tally.infer_s, 3),
        "encode": round(tally.encode_s, 3),
    }


def _input_facts(clip: ClipInfo) -> dict[str, Any]:
    facts = {name: _plain(value) for name, value in asdict(clip).items()}
    if clip.frames is not None:
        facts["duration_s"] = round(float(clip.frames / clip.rate), 3)
    return facts


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, (Path, Fraction)) else value


def _machine() -> dict[str, Any]:
    return {
        "cpu": _cpu_model(),
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


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()
