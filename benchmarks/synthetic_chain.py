"""The whole chain with a network in every stage, whatever its weights: how fast and how steady.

    python -m benchmarks.synthetic_chain [--write]

Preset `balanced` with an effect and a captioner. Weights are real where a package registry has them, else
random ones in the published layout, which take the same time and memory but find nothing sensible. It runs
twice undisturbed, and once killed in the middle of every pass and resumed each time; all three have to
leave the same bytes. Every number in what they leave has to be finite. About 10 minutes on 2 cores that do
nothing else.
"""

import argparse
import hashlib
import json
import math
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.model_weights import REAL
from benchmarks.records import facts, is_to_be_kept, keep, measured_on, offer_writing
from benchmarks.rembg_report import QUIET
from benchmarks.sequential import HOME
from benchmarks.synthetic_run import Job
from benchmarks.tables import markdown
from trt_anime.errors import TrtAnimeError

COMMAND = "python -m benchmarks.synthetic_chain --write"
SIZE, FRAMES = "640x360", 12
KILLED_IN = ("matte", "segment", "track", "find", "plate", "effects", "characters", "check", "annotate")
# They say when and how long, and what is done for who resumes.
_OF_THE_RUN = ("run.json", "passes.jsonl")


class UnsteadyError(TrtAnimeError):
    """A run failed, or ended although it was to be killed."""


@dataclass(frozen=True)
class _Done:
    record: dict[str, Any]
    peak_bytes: int


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code: 1 where a run failed or runs differ."""
    parser = _parser()
    given = parser.parse_args(arguments)
    writes = is_to_be_kept(given, parser)
    os.environ["TRT_ANIME_HOME"] = str(given.home.resolve())
    machine.keep_to_cores(given.threads)
    load = machine.OtherLoad()
    try:
        found = measured(given.size, given.frames, given.threads, tuple(given.without))
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    found["others"] = round(load.share(), 3)
    print(document(found))
    if writes:
        keep("synthetic_chain", found)
    return 0 if is_steady(found) else 1


def measured(size: str, frames: int, threads: int, without: tuple[str, ...]) -> dict[str, Any]:
    """All three runs. Raises UnsteadyError."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = _film(folder / "film.mp4", size, frames)
        jobs = [
            Job(str(clip), str(folder / turn), threads, without) for turn in ("first", "again", "killed")
        ]
        first = _run(jobs[0])
        print(f"first run: {first.record['elapsed_s']:.0f} s", flush=True)
        again = _run(jobs[1])
        killed = _killed(jobs[2], [one["name"] for one in first.record["passes"]])
        trees = [digests(Path(job.output)) for job in jobs]
        values = [numbers_in(Path(job.output)) for job in jobs]
    return {
        **facts(COMMAND, ("trt-anime", "onnxruntime", "numpy")),
        "threads": threads,
        "size": size,
        "frames": frames,
        "without": list(without),
        "computed": first.record["computed"],
        "runs": [_facts(one) for one in (first, again)],
        "files": len(trees[0]),
        "differ_again": differing(trees[0], trees[1]),
        "killed_in": killed,
        "differ_killed": differing(trees[0], trees[2]),
        "numbers": sum(total for total, _ in values),
        "not_finite": sum(odd for _, odd in values),
    }


def is_steady(found: Mapping[str, Any]) -> bool:
    """Whether all runs left the same, and nothing that is no number."""
    return not (found["differ_again"] or found["differ_killed"] or found["not_finite"])


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of all results by their path."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.name not in _OF_THE_RUN
    }


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Paths that only one has, or that differ."""
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def numbers_in(folder: Path) -> tuple[int, int]:
    """How many numbers tables and vectors hold, and how many of them are not finite."""
    total = odd = 0
    for path in folder.rglob("*.npy"):
        array = np.load(path)
        total, odd = total + array.size, odd + int((~np.isfinite(array)).sum())
    for path in (*folder.rglob("*.json"), *folder.rglob("*.jsonl")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines() if path.suffix == ".jsonl" else [text]
        values = [value for line in lines for value in _numbers(json.loads(line))]
        total, odd = total + len(values), odd + sum(not math.isfinite(value) for value in values)
    return total, odd


def document(found: Mapping[str, Any]) -> str:
    """Markdown, of nothing but the record."""
    first = found["runs"][0]
    rows = [
        [one["name"], *(f"{run['passes'][place][key]:.1f}" for run in found["runs"] for key in _SECONDS)]
        for place, one in enumerate(first["passes"])
    ]
    networks = [
        [f"{one['stage']} {one['model']}", one["weights"], one["graph"], str(one["runs"]), _ms(one)]
        for one in first["networks"]
        if one["runs"]
    ]
    elapsed = " and ".join(f"{run['elapsed_s']:.0f} s ({run['fps']:.2f} FPS)" for run in found["runs"])
    peaks = " and ".join(f"{run['peak_bytes'] / 1e9:.1f} GB" for run in found["runs"])
    left_out = f", without {', '.join(found['without'])}" if found["without"] else ""
    parts = [
        "# The whole chain, a network in every stage",
        f"*Written by `{COMMAND}`; don't edit.*",
        measured_on(found),
        *(["**The machine was not quiet: don't quote these times.**"] if found["others"] > QUIET else []),
        f"Preset `balanced` with an effect and a captioner{left_out}, {found['frames']} frames of"
        f" {found['size']}, {found['computed']} of them not like the one before. Two runs took {elapsed}"
        f" and {peaks} of memory at most, networks opened and previews drawn. The second has the vectors of"
        " texts, which the first kept.",
        markdown(["pass", "1st run s", "of it networks", "2nd run s", "of it networks"], rows),
        markdown(["network", "weights", "graph", "runs", "ms a run"], networks),
        _steadiness(found),
    ]
    return "\n\n".join(parts) + "\n"


_SECONDS = ("run_s", "networks_s")


def _steadiness(found: Mapping[str, Any]) -> str:
    again, killed = (_sameness(found[name]) for name in ("differ_again", "differ_killed"))
    finite = (
        "all of them finite" if not found["not_finite"] else f"**{found['not_finite']} of them not finite**"
    )
    return (
        f"Both runs left {again} in {found['files']} files. A third was killed (SIGKILL) in the middle of"
        f" {len(found['killed_in'])} passes ({', '.join(found['killed_in'])}), resumed each time, and left"
        f" {killed}. Tables and vectors hold {found['numbers']:,} numbers, {finite}."
    )


def _sameness(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:4])
    return "the same bytes" if not paths else f"**other bytes in {len(paths)} files ({shown})**"


def _ms(network: Mapping[str, Any]) -> str:
    return f"{1000 * network['run_s'] / network['runs'] / network['at_once']:.1f}"


def _facts(done: _Done) -> dict[str, Any]:
    record = done.record
    networks: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in (row for one in record["passes"] for row in one["networks"]):
        own = networks.setdefault(
            (row["stage"], row["model"], row["graph"]),
            {
                **{name: row[name] for name in ("stage", "model", "graph", "at_once")},
                "weights": "real" if row["model"] in REAL else "random",
                "runs": 0,
                "run_s": 0.0,
            },
        )
        own["runs"] += row["runs"]
        own["run_s"] = round(own["run_s"] + row["run_s"], 4)
    return {
        "elapsed_s": record["elapsed_s"],
        "fps": record["fps"],
        "peak_bytes": done.peak_bytes,
        "passes": [{name: one[name] for name in ("name", *_SECONDS)} for one in record["passes"]],
        "networks": [networks[name] for name in sorted(networks)],
    }


def _run(job: Job) -> _Done:
    found = subprocess.run(job.words(), capture_output=True, text=True, check=False)
    if found.returncode:
        raise UnsteadyError(f"a run ended with {found.returncode}: {found.stderr.strip()[-600:]}")
    record = json.loads((Path(job.output) / "run.json").read_text(encoding="utf-8"))
    return _Done(record, int(found.stdout.split()[-1]))


def _killed(job: Job, passes: Iterable[str]) -> list[str]:
    """Kill it in each pass in turn, then let it end; returns in which it was."""
    names = [name for name in KILLED_IN if name in set(passes)]
    for turn, name in enumerate(names):
        doomed = Job(job.clip, job.output, job.threads, job.without, killed_in=name, resume=turn > 0)
        found = subprocess.run(doomed.words(), capture_output=True, text=True, check=False)
        if found.returncode != -signal.SIGKILL:
            raise UnsteadyError(
                f"a run to be killed in {name} ended with {found.returncode}: {found.stderr.strip()[-600:]}"
            )
        print(f"killed in {name}", flush=True)
    _run(Job(job.clip, job.output, job.threads, job.without, resume=True))
    return names


def _film(path: Path, size: str, frames: int) -> Path:
    from samples.film import FilmOptions, write_film
    from samples.scene import Scene, SceneOptions

    width, height = (int(side) for side in size.split("x"))
    scene = Scene(SceneOptions(seed=7, width=width, height=height, frames=frames))
    write_film(scene, path, FilmOptions(preset="medium", sound=False))
    return path


def _numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for each in value.values() for number in _numbers(each)]
    if isinstance(value, list):
        return [number for each in value for number in _numbers(each)]
    return [float(value)] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.synthetic_chain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--size", default=SIZE, help=f"WIDTHxHEIGHT  [default: {SIZE}]")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--without", nargs="+", default=[], metavar="MODEL", help="networks to leave out")
    parser.add_argument("--threads", type=int, default=2, help="cores to use [default: 2]")
    parser.add_argument("--home", type=Path, default=HOME, help="for weights and graphs")
    offer_writing(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
