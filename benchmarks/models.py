"""Every model of the catalogue at full size: exported, compared, typed, built. Writes docs/models.md.

    python -m benchmarks.models [NAME...]

Each model in a process of its own, which leaves its findings in docs/models.json; models that aren't named
keep the ones they have. Where a registry has no weights, random ones in the published layout go through the
same import and export. Needs no GPU, hours for all of them, and ten gigabytes of disk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
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
    "modnet",
    "isnet-anime",
    "lama",
    "migan",
    "mask2former-tiny",
    "mask2former-tiny-instance",
    "mask2former-tiny-semantic",
    "mask2former-large",
    "clipseg",
    "grounding-dino-tiny",
    "mobile-sam",
    "sam-vit-b",
    "sam2-tiny",
    "clip-b32",
    "clip-l14",
    "dinov2-s",
    "dinov2-b",
    "xmem",
    "aot-t",
    "deaot-t",
    "r50-aot-l",
    "r50-deaot-l",
    "blip-base",
    "blip2-opt-2.7b",
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    if given.child:
        return _child(given)
    failed = [name for name in given.names or MODELS if not _proved(name, given)]
    for name in failed:
        print(f"error: {name}: see above")
    return 1 if failed else 0


def _child(given: argparse.Namespace) -> int:
    [name] = given.names
    if given.child == "weights":
        from benchmarks.model_weights import bring_weights

        bring_weights(catalogue.get(name))
    else:
        from benchmarks.model_proof import proof_of

        write_text(Path(given.child), json.dumps(proof_of(name, engines=not given.no_engines)))
    return 0


def _proved(name: str, given: argparse.Namespace) -> bool:
    """One model in processes of its own, which end with their memory; what was found is kept at once."""
    environment = os.environ | {"TRT_ANIME_HOME": str(given.home.resolve())}
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "proof.json"
        for child in ("weights", str(result)):
            command = [sys.executable, "-m", "benchmarks.models", name, "--child", child]
            command += ["--no-engines"] if given.no_engines else []
            if subprocess.run(command, env=environment, check=False).returncode:
                return False
        proof = json.loads(result.read_text(encoding="utf-8"))
    packages = ("trt-anime", "onnxruntime", "torch", "transformers", "nvidia-modelopt", "tensorrt_rtx_cu13")
    proof |= {"measured": machine.now(), "on": machine.cpu(), "with": machine.versions(packages)}
    proof["code"] = SUBJECTS["models"].code(proof)
    records.keep("models", dict(sorted((_findings() | {name: proof}).items())))
    return True


def _findings() -> dict[str, Any]:
    if not FINDINGS.is_file():
        return {}
    found: dict[str, Any] = json.loads(FINDINGS.read_text(encoding="utf-8"))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"[default: {' '.join(MODELS)}]")
    parser.add_argument(
        "--home", type=Path, default=Path("out/models"), help="where weights, graphs and engines are kept"
    )
    parser.add_argument("--no-engines", action="store_true", help="build none")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
