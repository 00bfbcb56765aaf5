"""Everything that `make gpu-check` needs on a machine without package registries: `make gpu-bundle`.

    python -m benchmarks.gpu_bundle out/gpu-bundle --python 3.12

Wheels of the releases in constraints.txt, and a few networks' weights, stage graphs and calibrated graphs,
as pieces of at most 60 MB with a manifest. Copy the folder to a checkout on the GPU machine and run
`make gpu-check` there. PyTorch isn't in it: what compares with PyTorch uses that machine's own.
"""

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.bundle.installing import HOME, WHEELS
from benchmarks.bundle.pieces import MOST_BYTES, Manifest, write_pieces
from benchmarks.bundle.wheels import download
from trt_anime import __version__, paths
from trt_anime.errors import DownloadError, MissingError, TrtAnimeError

BUNDLE = Path("out/gpu-bundle")
# Those whose weights come from package registries.
MODELS = ("u2netp", "mobile-sam", "migan")
CALIBRATED = "u2netp"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    given = _parser().parse_args(arguments)
    folder: Path = given.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as name:  # where there is room for all of it
            content = Path(name)
            print("wheels ...", flush=True)
            download(content / WHEELS, pythons=given.python, rtx=given.rtx, cuda=not given.no_cuda)
            print("weights and graphs ...", flush=True)
            models = bring_models(content / HOME, given.models)
            facts = {
                "release": __version__,
                "made": machine.now(),
                "pythons": list(given.python),
                "models": models,
                "cuda": not given.no_cuda,
            }
            manifest = write_pieces(folder, content, facts=facts, most_bytes=given.piece_mb * 1_000_000)
    except TrtAnimeError as error:
        print(f"error: {error}")
        return error.exit_code
    print(_summary(folder, manifest))
    return 0


def bring_models(home: Path, models: Sequence[str]) -> list[str]:
    """Weights and graphs below `home`, made here where they lack; which are there.

    Raises InputError, OutputError. What can't be had is left out, and said.
    """
    from trt_anime.export import catalogue, checkpoints, graphs

    found = []
    for model in models:
        row = catalogue.get(model)
        try:
            made = graphs.ensure(model)
        except (DownloadError, MissingError) as error:
            print(f"{model}: left out: {error}")
            continue
        found.append(model)
        for weights in checkpoints.stored(row):
            shutil.copytree(
                weights.parent, home / weights.parent.relative_to(paths.home()), dirs_exist_ok=True
            )
        for graph in made.values():
            for file in (graph, *graph.parent.glob(f"*{graph.stem.rpartition('-')[2]}*.weights")):
                _copy(file, home)
    if CALIBRATED in found:
        _bring_calibrated(home)
    return found


def _bring_calibrated(home: Path) -> None:
    """FP16 and INT8 of one network: the tools that make them would be a gigabyte."""
    from benchmarks.gpu.precision import CLIP
    from trt_anime.cli.calibrate.work import Work
    from trt_anime.export import graphs

    graph = graphs.ensure(CALIBRATED)["matte"]
    work = Work([CLIP], seed=0, method=None, again=False, say=lambda sentence: None)
    for precision in ("fp16", "int8"):
        try:
            made = work.typed(graph, precision, "tensorrt")
        except (MissingError, ModuleNotFoundError) as error:
            print(f"{CALIBRATED} in {precision}: left out: {error}; pip install 'trt-anime[calibration]'")
            continue
        for file in made.graph.parent.iterdir():
            _copy(file, home)


def _copy(file: Path, home: Path) -> None:
    target = home / file.relative_to(paths.home())
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)


def _summary(folder: Path, manifest: Manifest) -> str:
    sizes: dict[str, int] = {}
    for path, size_bytes in manifest.files.items():
        kind = path.partition("/")[0]
        sizes[kind] = sizes.get(kind, 0) + size_bytes
    parts = ", ".join(f"{size_bytes / 1e6:.0f} MB of {kind}" for kind, size_bytes in sizes.items())
    most = max(piece.size_bytes for piece in manifest.pieces)
    return (
        f"{folder}: {len(manifest.pieces)} pieces of at most {most / 1e6:.0f} MB,"
        f" {manifest.size_bytes / 1e6:.0f} MB in all ({parts}), for Python"
        f" {', '.join(manifest.facts['pythons'])}\nCopy it to out/gpu-bundle of a checkout there, or"
        " anywhere, and run `make gpu-check [BUNDLE=DIR]`."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_bundle",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="?", type=Path, default=BUNDLE, help=f"[default: {BUNDLE}]")
    parser.add_argument(
        "--python", nargs="+", default=["3.12"], metavar="X.Y", help="of the machine [default: 3.12]"
    )
    parser.add_argument("--models", nargs="*", default=list(MODELS), help=f"[default: {' '.join(MODELS)}]")
    parser.add_argument("--rtx", action="store_true", help="with TensorRT-RTX")
    parser.add_argument(
        "--no-cuda",
        action="store_true",
        help="without CUDA's libraries: PyTorch has them there",
    )
    parser.add_argument("--piece-mb", type=int, default=MOST_BYTES // 1_000_000, help="[default: 60]")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
