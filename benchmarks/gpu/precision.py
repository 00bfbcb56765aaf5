"""A published network in each precision on this GPU: calibrated, built, measured against FP32, timed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.gpu.findings import Table
from benchmarks.gpu.models import MODEL
from benchmarks.gpu.running import REMEDY
from trt_anime import paths
from trt_anime.errors import EngineError, MissingError
from trt_anime.files import sha256_of

if TYPE_CHECKING:
    from trt_anime.cli.engines.proving import Proof
    from trt_anime.engines.targets import Target

# Drawn by the generator, 1280x720.
CLIP = Path(__file__).parents[2] / "samples" / "first_light.mp4"
HEIGHT, WIDTH = 720, 1280
TYPED = ("fp16", "int8")

NONE = "\N{EN DASH}"


def engine_parity(tables: list[Table]) -> str:
    """FP32, FP16 and INT8 of the matte graph, for TensorRT and for TensorRT-RTX where these are.

    It has a store of its own, which is gone afterwards.

    Raises:
        MissingError, ModuleNotFoundError: a library or the GPU isn't here.
        DownloadError: nor are the weights.
        EngineError: FP32 or FP16 isn't worth having. That INT8 isn't is a result.
    """
    from trt_anime.engines.flavours import native_target
    from trt_anime.export import catalogue, graphs

    targets = _targets(native_target().compute_capability)
    source = graphs.ensure(MODEL)["matte"]
    calibrated = _calibrated(source)
    if not calibrated and find_spec("modelopt") is None:
        raise MissingError(
            "FP16 and INT8 need ModelOpt, or graphs that were calibrated elsewhere;"
            " pip install 'trt-anime[calibration]', or run `make gpu-bundle` where that is"
        )
    with tempfile.TemporaryDirectory() as folder, own_home(Path(folder)):
        graph = Path(folder) / "graphs" / source.name
        graph.parent.mkdir()
        shutil.copyfile(source, graph)
        for kept in calibrated:
            shutil.copytree(kept, paths.typed() / kept.name)
        if not calibrated:
            for precision in TYPED:
                calibrate(graph, precision)
        proofs = {target.name: _proofs(graph, target) for target in targets}
    words = (
        f"{MODEL} ({catalogue.get(MODEL).licence}), {WIDTH}x{HEIGHT}, one frame at a time, without copies,"
        f" replayed from a CUDA graph where that works. Calibrated on frames of {CLIP.name}, which the"
        " generator drew, and judged on others of it against FP32 on the CPU."
    )
    head = ("target", "precision", "ms a frame", "parity", "kept", "why")
    rows = [row for target, found in proofs.items() for row in _rows(target, found)]
    tables.append(Table("Precisions of a network", words, head, rows))
    lost = [
        f"{target} {precision}: {proof.words}"
        for target, found in proofs.items()
        for precision, proof in found.items()
        if precision != "int8" and proof.state != "kept"
    ]
    if lost:
        raise EngineError("; ".join(lost))
    return f"{len(rows)} engines, see below"


def _targets(capability: int) -> "list[Target]":
    from trt_anime.engines.machine import flavours_here
    from trt_anime.engines.targets import RTX_CAPABILITIES, Target

    here = flavours_here(("trt", "rtx"))
    targets = [Target("trt", capability)] if here["trt"] else []
    if here["rtx"] and capability in RTX_CAPABILITIES:
        targets.append(Target("rtx", capability))
    if not targets:
        raise MissingError(f"no TensorRT for sm{capability} is here; {REMEDY}")
    return targets


@contextmanager
def own_home(folder: Path) -> Iterator[None]:
    """Within the block, stores are in `folder`: the user's own stays as it is."""
    before = os.environ.get("TRT_ANIME_HOME")
    os.environ["TRT_ANIME_HOME"] = str(folder)
    try:
        yield
    finally:
        del os.environ["TRT_ANIME_HOME"]
        if before is not None:
            os.environ["TRT_ANIME_HOME"] = before


def _calibrated(graph: Path) -> list[Path]:
    """Folders of the graph in FP16 and INT8, if both are in the user's store."""
    from trt_anime import typed

    digest = sha256_of(graph)
    found = [typed.find(digest, precision=precision, form="tensorrt") for precision in TYPED]
    return [one.graph.parent for one in found if one] if all(found) else []


def calibrate(graph: Path, precision: str) -> Path:
    """The graph in that precision, made here; half a minute. Raises MissingError: ModelOpt isn't here."""
    from trt_anime.cli.calibrate.work import Work

    work = Work([CLIP], seed=0, method=None, again=False, say=lambda sentence: None)
    return work.typed(graph, precision, "tensorrt").graph


def _proofs(graph: Path, target: "Target") -> "dict[str, Proof]":
    """By precision."""
    from trt_anime.cli.engines.proving import Proof, Prover
    from trt_anime.engines.builder import engine_from_graph, stage_graph_from_file
    from trt_anime.engines.machine import machine_here
    from trt_anime.engines.manifest import Precision, Profile

    prover = Prover(CLIP, machine_here(), force=False)
    source, profile = stage_graph_from_file(graph), Profile(height=HEIGHT, width=WIDTH, max_batch=1)
    precisions: tuple[Precision, ...] = ("fp32", "fp16", "int8")
    found: dict[str, Proof] = {}
    for precision in precisions:
        try:
            built = engine_from_graph(
                source, target, precision=precision, profile=profile, on_progress=lambda share: None
            )
        except EngineError as error:
            found[precision] = Proof("broken", f"not built: {error}")
        else:
            found[precision] = prover.proof(built.entry)
    return found


def _rows(target: str, proofs: "dict[str, Proof]") -> Iterator[tuple[str, ...]]:
    from trt_anime.cli.engines.summary import parity_words
    from trt_anime.engines.ranking import overtaken

    kept = [proof.entry for proof in proofs.values() if proof.entry]
    for precision, proof in proofs.items():
        slower = overtaken(proof.entry, kept) if proof.entry else None
        why = "" if proof.entry else proof.words
        yield (
            target,
            precision,
            f"{1000 * proof.seconds_per_frame:.3f}" if proof.seconds_per_frame else NONE,
            parity_words(proof.parity) if proof.parity else NONE,
            "yes" if proof.entry and slower is None else "no",
            slower.reason if slower else why,
        )
