"""The chain as plain sequential PyTorch against ours, on the GPU: compared first, then timed in turns."""

import os
from functools import partial

from benchmarks.gpu.findings import Seen, Table
from benchmarks.gpu.models import MODEL
from benchmarks.gpu.part_graphs import MODELS
from benchmarks.gpu.running import Context, Step
from benchmarks.pairs import Pair, cells
from trt_anime.errors import MissingError

# Size -> frames of a run, rounds, and seconds without which it isn't begun.
SIZES = {"720p": (12, 3, 90.0), "1080p": (12, 3, 120.0), "4K": (6, 3, 180.0)}
REHEARSED = {"180p": (2, 2, 5.0)}


def steps(context: Context) -> list[Step]:
    """One for each size. Raises MissingError: PyTorch has no CUDA."""
    if not context.rehearsal:
        import torch

        if not torch.cuda.is_available():
            raise MissingError("PyTorch finds no GPU; install its build for CUDA")
    sizes = REHEARSED if context.rehearsal else SIZES
    return [
        Step(size, partial(_paired, context, size, *row[:2]), least_s=row[2]) for size, row in sizes.items()
    ]


def models_here(context: Context) -> list[str]:
    """Models with weights and graphs, which the part `graphs` brings. Raises MissingError: none."""
    from trt_anime.export import catalogue, checkpoints
    from trt_anime.export.graphs import existing

    def is_here(model: str) -> bool:
        row = catalogue.get(model)
        return checkpoints.find(row) is not None and existing(row) is not None

    found = [model for model in MODELS if is_here(model)]
    if MODEL not in found:  # the others read its layer
        raise MissingError("the matte's graph isn't here; run `make gpu-check PARTS=graphs`")
    return found[:1] if context.rehearsal else found


def _paired(context: Context, size: str, frames: int, rounds: int) -> Seen:
    """Raises EngineError: the two differ, and no speed is told."""
    from benchmarks.sequential import sequential_pairs

    models = models_here(context)
    pairs = sequential_pairs(
        stages=models,
        size=size,
        frames=frames,
        rounds=rounds,
        threads=min(os.cpu_count() or 2, 2 if context.rehearsal else 16),
        device=context.device.partition(":")[0],
    )
    left = [] if context.rehearsal else [model for model in MODELS if model not in models]
    words = f"results agree; the whole {pairs[-1].ratio.text(2)} times as fast as sequential PyTorch"
    if left:
        names = ", ".join(f"{MODELS[model]} {model}" for model in left)
        words += f"; without stages {names}, whose weights or graphs aren't here"
    return Seen(words, (_table(size, pairs),))


def _table(size: str, pairs: list[Pair]) -> Table:
    head, rows = cells(pairs)
    words = "Same weights, same frames, FP32 without TF32, in turns; medians (lowest to highest)."
    return Table(
        f"Chain against sequential PyTorch, {size}", words, tuple(head), [tuple(row) for row in rows]
    )
