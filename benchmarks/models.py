"""Every model of the catalogue at full size: exported, compared, typed, built. Writes docs/models.md.

    python -m benchmarks.models [NAME...]

Each model in a process of its own, which leaves its findings in docs/models.json; models that aren't named
keep the ones they have. Where a registry has no weights, random ones in the published layout go through the
same import and export. Engines go once they were built. Needs no GPU, hours for all of them, and for BLIP-2
20 GB of memory and 40 GB of disk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import machine, records
from benchmarks.subjects import SUBJECTS
from trt_anime.export import catalogue
from trt_anime.files import write_text

DOCS = Path(__file__).parents[1] / "docs"
FINDINGS, TABLE = DOCS / "models.json", DOCS / "models.md"

# One of each architecture and of each head. The others differ in nothing but sizes or training.
MODELS = (
    "u2netp",
    "u2net",
    "modnet",
    "isnet-anime",
    "lama",
    "migan",
    "mask2former-tiny",
    "mask2former-tiny-instance",
    "mask2former-tiny-semantic",
    "mask2former-small",
    "mask2former-base",
    "mask2former-large",
    "clipseg",
    "grounding-dino-tiny",
    "mobile-sam",
    "sam-vit-b",
    "sam2-tiny",
    "sam2-small",
    "clip-b32",
    "clip-l14",
    "dinov2-s",
    "dinov2-b",
    "dinov2-l",
    "xmem",
    "aot-t",
    "deaot-t",
    "r50-aot-l",
    "r50-deaot-l",
    "blip-base",
    "blip2-opt-2.7b",
)

# In processes of their own, which end with their memory.
_STEPS = {
    "export": ("weights", "export", "comparison"),
    "latency": ("latency",),
    "fp16": ("fp16",),
    "engines": ("engines",),
}
_ALL_STEPS = (*_STEPS["export"], "graphs")
_PACKAGES = ("trt-anime", "onnxruntime", "torch", "transformers", "nvidia-modelopt", "tensorrt_rtx_cu13")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    if given.step:
        return _step(given)
    failed = [name for name in given.names or MODELS if not _proved(name, given)]
    for name in failed:
        print(f"error: {name}: see above")
    return 1 if failed else 0


def _step(given: argparse.Namespace) -> int:
    from benchmarks import model_export, model_proof, model_weights

    [name] = given.names
    steps: dict[str, Callable[[], object]] = {
        "weights": lambda: str(model_weights.bring_weights(catalogue.get(name))),
        "export": lambda: model_export.export_of(name),
        "comparison": lambda: model_export.comparison_of(name),
        "graphs": lambda: model_proof.proof_of(name, engines=not given.no_engines),
        "latency": lambda: {"latencies": model_proof.latencies_of(name)},
        "fp16": lambda: {"halves": model_proof.halves_of(name)},
        "engines": lambda: {"engines": model_proof.engines_of(name)},
    }
    write_text(given.result, json.dumps(steps[given.step](), default=asdict))
    return 0


def _proved(name: str, given: argparse.Namespace) -> bool:
    """One model; what was found is kept at once."""
    where = {"on": machine.cpu(), "with": machine.versions(_PACKAGES)}
    found = _findings().get(name, {}) if given.only else {}
    if given.only and any(found.get(key) != value for key, value in where.items()):
        print(f"{name} wasn't measured on this machine with these versions; leave out --only")
        return False
    for step in _STEPS.get(given.only, _ALL_STEPS):
        result = _result_of(step, name, given)
        if result is None:
            return False
        found |= result if isinstance(result, dict) else {}
    entry = merged(found | where | {"measured": machine.now()})
    entry["code"] = SUBJECTS["models"].code(entry)
    records.keep("models", dict(sorted((_findings() | {name: entry}).items())))
    return True


def _result_of(step: str, name: str, given: argparse.Namespace) -> Any:
    environment = os.environ | {"TRT_ANIME_HOME": str(given.home.resolve())}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.models", name, "--step", step, "--result", str(result)]
        command += ["--no-engines"] if given.no_engines else []
        if subprocess.run(command, env=environment, check=False).returncode:
            return None
        return json.loads(result.read_text(encoding="utf-8"))


def merged(found: dict[str, Any]) -> dict[str, Any]:
    """With what was found graph by graph in the graphs' own rows."""
    differences = found.pop("differences", {})
    more = [found.pop(key, {}) for key in ("latencies", "halves", "engines")]
    for graph in found["graphs"]:
        graph["difference"] = differences.get(graph["name"], graph.get("difference", ""))
        for rows in more:
            graph |= rows.get(graph["name"], {})
    return found


def _findings() -> dict[str, Any]:
    if not FINDINGS.is_file():
        return {}
    found: dict[str, Any] = json.loads(FINDINGS.read_text(encoding="utf-8"))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"[default: {' '.join(MODELS)}]")
    parser.add_argument(
        "--home", type=Path, default=Path("out/models"), help="where weights and graphs are kept"
    )
    parser.add_argument("--no-engines", action="store_true", help="build none")
    parser.add_argument(
        "--only", choices=_STEPS, help="measure this alone anew, of models that are in the table"
    )
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
